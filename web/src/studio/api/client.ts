// Requests to the studio's server. A failure is a `Refusal` that carries the problem the server
// named, or says that it was not reached.
import type { Problem } from "./types";

export const base = "/api/v1";

export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = "Refusal";
  }

  // "frame-gone" of "/problems/frame-gone".
  get kind(): string {
    return this.problem.type.replace(/^.*\//, "");
  }
}

const unreached = (): Problem => ({ type: "/problems/unreached", title: "The studio does not answer", status: 0 });

// What is called when the server knows this browser no longer.
let signedOut = () => {};
export function onSignedOut(action: () => void): void {
  signedOut = action;
}

export async function problemOf(response: Response): Promise<Problem> {
  try {
    const problem = (await response.json()) as Partial<Problem>;
    if (typeof problem.type === "string") return { title: response.statusText, status: response.status, ...problem } as Problem;
  } catch {
    // Not the server's own answer (a proxy's page, say): its status is all there is.
  }
  return { type: "/problems/unknown", title: response.statusText || String(response.status), status: response.status };
}

export async function send(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(base + path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(unreached());
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401 && path !== "/session") signedOut();
  throw new Refusal(problem);
}

async function withBody<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await send(path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export const get = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  (await (await send(path, signal ? { signal } : {})).json()) as T;
export const post = <T = void>(path: string, body: unknown = {}): Promise<T> => withBody<T>("POST", path, body);
export const put = <T = void>(path: string, body: unknown = {}): Promise<T> => withBody<T>("PUT", path, body);
export const patch = <T = void>(path: string, body: unknown): Promise<T> => withBody<T>("PATCH", path, body);
export const remove = <T = void>(path: string): Promise<T> => withBody<T>("DELETE", path);

// A file of any length, with the share of it that is on its way: `fetch` cannot tell that.
export function upload(file: Blob, name: string, told: (share: number) => void): Promise<{ upload: string; bytes: number }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${base}/uploads?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && told(event.loaded / event.total);
    request.onerror = () => reject(new Refusal(unreached()));
    request.onload = () => {
      if (request.status === 201) return resolve(JSON.parse(request.responseText) as { upload: string; bytes: number });
      void problemOf(new Response(request.responseText, { status: request.status })).then((problem) => reject(new Refusal(problem)));
    };
    request.send(file);
  });
}
