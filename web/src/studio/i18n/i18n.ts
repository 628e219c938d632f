// Words by key. English is in the page; another language is fetched when it is chosen.
import { settings, type Language } from "../core/settings";
import { Store } from "../core/store";
import { en, type Catalogue, type Key } from "./en";

export type Parameters = Record<string, string | number>;

const loaders: Record<Language, () => Promise<Catalogue>> = {
  en: () => Promise.resolve(en),
  "zh-Hant": async () => (await import("./zh_hant")).zhHant,
};

export const languageNames: Record<Language, string> = { en: "English", "zh-Hant": "繁體中文" };

interface Tongue {
  language: Language;
  catalogue: Catalogue;
}

export const tongue = new Store<Tongue>({ language: "en", catalogue: en });

export async function speakLanguage(language: Language): Promise<void> {
  const catalogue = await loaders[language]();
  if (settings.value.language !== language) return;  // another was chosen meanwhile
  tongue.set({ language, catalogue });
  document.documentElement.lang = language;
  document.title = t("title");
}

// `{name}` stands for a parameter; a message of two forms is chosen by the parameter `n`.
export function format(catalogue: Catalogue, language: string, key: Key, parameters: Parameters = {}): string {
  const message = catalogue[key];
  const pattern =
    typeof message === "string"
      ? message
      : (message[new Intl.PluralRules(language).select(Number(parameters["n"] ?? 0)) === "one" ? "one" : "other"] ?? message.other);
  return pattern.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value, language) : value;
  });
}

export const t = (key: Key, parameters?: Parameters): string =>
  format(tongue.value.catalogue, tongue.value.language, key, parameters);

export const isKey = (text: string): text is Key => Object.hasOwn(en, text);

const formatters = new Map<string, Intl.NumberFormat>();

export function number(value: number, language: string = tongue.value.language, digits = 0): string {
  const key = `${language} ${digits}`;
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: Math.max(digits, 0) });
    formatters.set(key, formatter);
  }
  return formatter.format(value);
}
