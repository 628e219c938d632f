// The message catalogues: whole, alike in every language, and the only source of words on the page.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { en, type Catalogue, type Key, type Message } from "../src/studio/i18n/en";
import { format } from "../src/studio/i18n/i18n";
import { zhHant } from "../src/studio/i18n/zh_hant";

const source = "src/studio";
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((path) => /\.tsx?$/.test(path));
const text = (path: string) => readFileSync(join(source, path), "utf8");

const forms = (message: Message): string[] => (typeof message === "string" ? [message] : Object.values(message));
const placeholders = (message: Message) => new Set(forms(message).flatMap((form) => form.match(/\{\w+\}/g) ?? []));

// Words that a JSX file shows without asking the catalogue: text between tags with letters in it.
export function bareWords(path: string, code: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node) && /\p{L}{2}/u.test(node.text)) found.push(node.text.trim());
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, code, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX));
  return found;
}

describe("the catalogues", () => {
  const keys = Object.keys(en) as Key[];
  it("have the same keys", () => expect(Object.keys(zhHant).sort()).toEqual([...keys].sort()));
  it("have no empty form, and the same parameters", () => {
    // A count may be said in words by one form or the other; everything else must be said.
    const named = (key: Key, catalogue: Catalogue) => [...placeholders(catalogue[key])].filter((name) => name !== "{n}").sort();
    for (const key of keys) {
      for (const form of [...forms(en[key]), ...forms(zhHant[key])]) expect(form.trim(), key).not.toBe("");
      expect(named(key, zhHant), key).toEqual(named(key, en));
    }
  });
  it("hold no key that nothing asks for", () => {
    const code = files.filter((path) => !path.startsWith("i18n")).map(text).join("\n");
    const made = [...code.matchAll(/`([\w.]*)\$\{[^}]+\}([\w.]*)`/g)].map(([, before, after]) => [before!, after!] as const).filter(([before]) => before !== "");
    const asked = (key: string) => code.includes(`"${key}"`) || made.some(([before, after]) => key.startsWith(before) && key.endsWith(after));
    expect(keys.filter((key) => !asked(key))).toEqual([]);
  });
});

describe("the views", () => {
  // A name and the caps of keys: the same in every language.
  const own = ["deixis", "Enter", "Esc"];
  it.each(files.filter((path) => path.endsWith(".tsx")))("%s shows no words but those of the catalogue", (path) =>
    expect(bareWords(path, text(path)).filter((words) => !own.includes(words))).toEqual([]),
  );
  it("would be found out", () => expect(bareWords("x.tsx", "const a = <p>Hello {name}</p>;")).toEqual(["Hello"]));
});

describe("format", () => {
  const catalogue = { ...en, pictures: { one: "{n} picture", other: "{n} pictures" } } as Catalogue;
  it("chooses the form by n", () => {
    expect(format(catalogue, "en", "pictures", { n: 1 })).toBe("1 picture");
    expect(format(catalogue, "en", "pictures", { n: 1200 })).toBe("1,200 pictures");
    expect(format(zhHant, "zh-Hant", "pictures", { n: 1 })).toBe("1 張照片");
  });
  it("leaves a placeholder that is not given", () => expect(format(en, "en", "category.edit")).toContain("{category}"));
});
