// The studio's icons: strokes on a 24 px square, in the colour of the text, never the only name of a thing.
const paths = {
  collect: "M4 8h3l1.5-2.5h7L17 8h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1Z M12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4Z",
  train: "M3 19h18 M5 15l4-4 3.5 2.5L20 6 M15.5 6H20v4.5",
  live: "M3 12h3.5l2.5-6 4 12 3-8 1.5 2H21",
  compress: "M12 3v6 M9 6.5 12 9l3-2.5 M12 21v-6 M9 17.5 12 15l3 2.5 M4 12h16",
  settings: "M4 7h9 M17 7h3 M4 17h3 M11 17h9 M15 9.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6Z M9 19.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6Z",
  undo: "M9 7 5 11l4 4 M5 11h9a5 5 0 0 1 0 10h-2",
  redo: "m15 7 4 4-4 4 M19 11h-9a5 5 0 0 0 0 10h2",
  trash: "M4 7h16 M9.5 7V4.5h5V7 M6.5 7l1 13h9l1-13 M10.3 11v5.5 M13.7 11v5.5",
  add: "M12 5v14 M5 12h14",
  import: "M12 4v10 M8 10.5l4 4 4-4 M4 17v3h16v-3",
  export: "M12 15V5 M8 8.5l4-4 4 4 M4 17v3h16v-3",
  check: "m5 12.5 4.5 4.5L19 7.5",
  close: "m6 6 12 12 M18 6 6 18",
  play: "M8 5.5v13l10-6.5-10-6.5Z",
  stop: "M7 7h10v10H7z",
  freeze: "M9 6v12 M15 6v12",
  speak: "M4 10v4h3l4.5 4V6L7 10H4Z M15 9.5a3.5 3.5 0 0 1 0 5 M17.5 7a7 7 0 0 1 0 10",
  warn: "M12 4 2.8 19.5h18.4L12 4Z M12 10v4.5 M12 17.2v.3",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z M12 11v5.5 M12 7.6v.3",
  edit: "m5 19 1-4L16.5 4.5l3 3L9 18l-4 1Z M14 7l3 3",
  compare: "M4 5h6.5v14H4z M13.5 5H20v14h-6.5z",
  finger: "M9.5 21v-4L6 13.5a1.4 1.4 0 0 1 2-2l1.5 1.3V4.6a1.5 1.5 0 0 1 3 0V11l4.5 1a2 2 0 0 1 1.6 2.2L18 21",
  tag: "M4 4h8l8 8-8 8-8-8V4Z M8.4 8.3v.2",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  keyboard: "M3 6.5h18v11H3z M6.5 10v.2 M10.2 10v.2 M13.9 10v.2 M17.5 10v.2 M8 14h8",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

// The mark: a finger's line that ends at a point.
export function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" fill="var(--accent)" />
      <path d="M8.5 23.5 16 16" stroke="var(--on-accent)" stroke-width="4.5" stroke-linecap="round" />
      <circle cx="20.8" cy="11.2" r="5" fill="none" stroke="var(--on-accent)" stroke-width="1.6" />
      <circle cx="20.8" cy="11.2" r="2.3" fill="var(--on-accent)" />
    </svg>
  );
}
