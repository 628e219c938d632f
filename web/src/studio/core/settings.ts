// What this browser remembers: language, theme, whether single keys act.
import { Store } from "./store";

export type Theme = "system" | "light" | "dark";
export type Language = "en" | "zh-Hant";

export interface Settings {
  language: Language;
  theme: Theme;
  singleKeys: boolean;
}

const storageKey = "deixis-studio";

export function preferredLanguage(languages: readonly string[]): Language {
  for (const tag of languages) {
    const lower = tag.toLowerCase();
    if (lower.startsWith("en")) return "en";
    if (lower.startsWith("zh")) return "zh-Hant";
  }
  return "en";
}

export function parseSettings(text: string | null, languages: readonly string[]): Settings {
  const settings: Settings = { language: preferredLanguage(languages), theme: "system", singleKeys: true };
  try {
    const stored = JSON.parse(text ?? "{}") as Partial<Settings>;
    if (stored.language === "en" || stored.language === "zh-Hant") settings.language = stored.language;
    if (stored.theme === "light" || stored.theme === "dark") settings.theme = stored.theme;
    if (typeof stored.singleKeys === "boolean") settings.singleKeys = stored.singleKeys;
  } catch {
    // What another version left behind is not worth a failure: the defaults serve.
  }
  return settings;
}

// A browser that refuses storage (a private window may) still gets a working page.
function stored(): string | null {
  try {
    return localStorage.getItem(storageKey);
  } catch {
    return null;
  }
}

export const settings = new Store<Settings>(
  parseSettings(typeof localStorage === "undefined" ? null : stored(), typeof navigator === "undefined" ? [] : navigator.languages),
);

export function changeSettings(change: Partial<Settings>): void {
  settings.update((before) => ({ ...before, ...change }));
  try {
    localStorage.setItem(storageKey, JSON.stringify(settings.value));
  } catch {
    // Kept for this visit only.
  }
}

export function applyTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme);
}
