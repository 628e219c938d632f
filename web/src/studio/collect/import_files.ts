// Pictures from the disk: which of the files are pictures, and into which category each goes.
import { readZip } from "./unzip";

const pictureTypes: Record<string, string> = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp" };

export interface Wanted {
  name: string;
  type: string;
  // Null: the category that is chosen in the page.
  category: string | null;
  open: () => Promise<Blob>;
}

export interface Sorted {
  pictures: Wanted[];
  // Not pictures: told to the reader, not passed over in silence.
  others: string[];
}

interface Found {
  path: string;
  open: () => Promise<Blob>;
}

// The folder that the picture lies in. Of a chosen folder ("photos/mug/1.jpg") the first name is that
// of the whole, and so it is in a ZIP all of whose files begin with the same one.
export function categoryOf(path: string, hasRoot: boolean): string | null {
  const folders = path.split("/").slice(hasRoot ? 1 : 0, -1);
  return folders[0] ?? null;
}

function sort(found: readonly Found[], hasRoot: boolean, sorted: Sorted): void {
  for (const { path, open } of found) {
    const name = path.replace(/^.*\//, "");
    if (name.startsWith(".") || path.startsWith("__MACOSX/")) continue;
    const type = pictureTypes[name.toLowerCase().replace(/^.*\./, "")];
    if (type) sorted.pictures.push({ name, type, category: categoryOf(path, hasRoot), open });
    else sorted.others.push(name);
  }
}

// Whether all paths lie in one folder that holds further folders: "photos/mug/1.jpg", never "mug/1.jpg".
export function hasCommonRoot(paths: readonly string[]): boolean {
  const first = paths[0]?.split("/")[0];
  return first !== undefined && paths.every((path) => path.split("/")[0] === first) && paths.some((path) => path.split("/").length > 2);
}

type Chosen = Blob & { name: string; webkitRelativePath?: string };

export async function sortFiles(files: readonly Chosen[]): Promise<Sorted> {
  const sorted: Sorted = { pictures: [], others: [] };
  for (const file of files) {
    if (/\.zip$/i.test(file.name)) {
      const entries = await readZip(file);
      sort(entries, hasCommonRoot(entries.map((each) => each.path)), sorted);
    } else {
      const path = file.webkitRelativePath || file.name;
      sort([{ path, open: () => Promise.resolve(file) }], path.includes("/"), sorted);
    }
  }
  return sorted;
}
