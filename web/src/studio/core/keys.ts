// Keys without Ctrl: F freezes, N says that there is no finger. They act only where nothing is being
// typed or chosen, and not at all when the reader has turned them off (WCAG 2.1.4).
import { useEffect, useRef } from "preact/hooks";
import { settings } from "./settings";

// Whether the element makes something of keys itself.
export function takesKeys(element: Element | null, key: string): boolean {
  if (!element) return false;
  const own = element.closest("input, textarea, select, [contenteditable], dialog, [role=listbox]");
  if (own) {
    if (!(own instanceof HTMLInputElement) || !["radio", "checkbox"].includes(own.type)) return true;
    return key === " " || key.startsWith("Arrow");
  }
  return (key === " " || key === "Enter") && element.closest("button, a, summary") !== null;
}

type Action = (event: KeyboardEvent) => void;

export function useKeys(actions: Record<string, Action>): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const held = event.ctrlKey || event.metaKey;
      if (event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
      const name = `${held ? "Ctrl+" : ""}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
      const action = latest.current[name];
      if (!action || takesKeys(document.activeElement, event.key)) return;
      if (!held && event.key.length === 1 && event.key !== " " && !settings.value.singleKeys) return;
      action(event);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
