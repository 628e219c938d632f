// Asks for what was wanted last, one request at a time: a slider moves faster than a server answers,
// and every answer but the newest is worth nothing.
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api/client";

export class Latest<T> {
  private wanted: string | null = null;
  private busy = false;

  constructor(
    private readonly ask: (path: string) => Promise<T>,
    private readonly told: (path: string, answer: T | null, error: unknown) => void,
  ) {}

  want(path: string): void {
    this.wanted = path;
    if (!this.busy) void this.run();
  }

  private async run(): Promise<void> {
    this.busy = true;
    while (this.wanted !== null) {
      const path = this.wanted;
      this.wanted = null;
      try {
        const answer = await this.ask(path);
        if (this.wanted === null || this.wanted === path) this.told(path, answer, null);
      } catch (error) {
        if (this.wanted === null) this.told(path, null, error);
      }
    }
    this.busy = false;
  }
}

// The newest answer, kept while the next is on its way.
export function useLatest<T>(path: string | null): { answer: T | null; error: unknown; stale: boolean } {
  const [state, setState] = useState<{ path: string; answer: T | null; error: unknown }>({ path: "", answer: null, error: null });
  const asker = useRef<Latest<T> | null>(null);
  asker.current ??= new Latest<T>(
    (wanted) => get<T>(wanted),
    (wanted, answer, error) => setState((before) => ({ path: wanted, answer: answer ?? (error ? null : before.answer), error })),
  );
  useEffect(() => {
    if (path !== null) asker.current!.want(path);
  }, [path]);
  return { answer: state.answer, error: state.error, stale: state.path !== path };
}
