// Reads a ZIP in the browser, so that its pictures can be sent one by one like any others. The central
// directory decides (APPNOTE 6.3, sections 4.3 to 4.5); stored and deflated entries, no ZIP64, no
// encryption. Nothing is inflated before it is asked for, and nothing beyond its stated length.

export interface ZipEntry {
  path: string;
  bytes: number;
  open: () => Promise<Blob>;
}

const endBytes = 22;
const longestComment = 0xffff;
const entryBytes = 46;
const localBytes = 30;
const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
const encrypted = 0x1;
const stored = 0;
const deflated = 8;

export class NotAZip extends Error {}

async function viewOf(file: Blob, from: number, to: number): Promise<DataView> {
  if (from < 0 || to > file.size || from > to) throw new NotAZip("it ends too early");
  return new DataView(await file.slice(from, to).arrayBuffer());
}

// The entries that are files, in the order of the directory.
export async function readZip(file: Blob): Promise<ZipEntry[]> {
  const tail = await viewOf(file, Math.max(0, file.size - endBytes - longestComment), file.size);
  let end = tail.byteLength - endBytes;
  while (end >= 0 && tail.getUint32(end, true) !== endSignature) --end;
  if (end < 0) throw new NotAZip("it has no directory");
  const count = tail.getUint16(end + 10, true);
  const size = tail.getUint32(end + 12, true);
  const start = tail.getUint32(end + 16, true);
  if (count === 0xffff || start === 0xffffffff) throw new NotAZip("it is too large for this page");
  const directory = await viewOf(file, start, start + size);
  const entries: ZipEntry[] = [];
  for (let at = 0, number = 0; number < count; ++number) {
    if (at + entryBytes > directory.byteLength || directory.getUint32(at, true) !== entrySignature) throw new NotAZip("its directory is damaged");
    const lengths = [28, 30, 32].map((field) => directory.getUint16(at + field, true)) as [number, number, number];
    const next = at + entryBytes + lengths[0] + lengths[1] + lengths[2];
    if (next > directory.byteLength) throw new NotAZip("its directory is damaged");
    const path = new TextDecoder().decode(new Uint8Array(directory.buffer, at + entryBytes, lengths[0]));
    const method = directory.getUint16(at + 10, true);
    const usable = (directory.getUint16(at + 8, true) & encrypted) === 0 && (method === stored || method === deflated);
    const packed = directory.getUint32(at + 20, true);
    const bytes = directory.getUint32(at + 24, true);
    const local = directory.getUint32(at + 42, true);
    if (!path.endsWith("/") && usable) entries.push({ path, bytes, open: () => openEntry(file, local, packed, bytes, method) });
    at = next;
  }
  return entries;
}

async function openEntry(file: Blob, local: number, packed: number, bytes: number, method: number): Promise<Blob> {
  const head = await viewOf(file, local, local + localBytes);
  if (head.getUint32(0, true) !== localSignature) throw new NotAZip("an entry is not where its directory says");
  const from = local + localBytes + head.getUint16(26, true) + head.getUint16(28, true);
  if (from + packed > file.size) throw new NotAZip("it ends too early");
  const body = file.slice(from, from + packed);
  if (method === stored) return body;
  // No more than was promised is ever held: a few bytes can inflate to gigabytes.
  const reader = body.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts: BlobPart[] = [];
  let held = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    held += value.length;
    if (held > bytes) {
      await reader.cancel();
      throw new NotAZip("an entry is longer than its directory says");
    }
    parts.push(value);
  }
  if (held !== bytes) throw new NotAZip("an entry is shorter than its directory says");
  return new Blob(parts);
}
