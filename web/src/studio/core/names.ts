// Names that are free, so that nothing is replaced by accident.

// `stem`, or `stem-2`, `stem-3`... the first that is not taken.
export function freeName(stem: string, taken: readonly string[]): string {
  const names = new Set(taken);
  if (!names.has(stem)) return stem;
  for (let number = 2; ; ++number) {
    if (!names.has(`${stem}-${number}`)) return `${stem}-${number}`;
  }
}
