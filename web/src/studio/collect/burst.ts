// A burst: while the button is held, frames that are shown are saved, each by its id, a few a second.
// What is saved is what was seen; one undo takes the whole burst back.

export interface BurstOptions {
  // Frames closer together than this are the same picture to a network.
  gap_ms: number;
  // Requests on their way at once; further frames are passed over rather than queued.
  most_waiting: number;
}

export const burstOptions: BurstOptions = { gap_ms: 150, most_waiting: 3 };

export interface BurstCount {
  saved: number;
  failed: number;
}

export class Burst {
  readonly count: BurstCount = { saved: 0, failed: 0 };
  private last_ms = -Infinity;
  private last_id = -1;
  private waiting = 0;
  private settled: (() => void)[] = [];

  constructor(
    readonly id: string,
    private readonly save: (frame_id: number, burst: string) => Promise<unknown>,
    private readonly told: (count: BurstCount, error: unknown) => void,
    private readonly options: BurstOptions = burstOptions,
  ) {}

  // A frame was shown at `now_ms`; whether it is being saved.
  offer(frame_id: number, now_ms: number): boolean {
    if (frame_id === this.last_id || now_ms - this.last_ms < this.options.gap_ms || this.waiting >= this.options.most_waiting) return false;
    this.last_id = frame_id;
    this.last_ms = now_ms;
    ++this.waiting;
    this.save(frame_id, this.id)
      .then(
        () => this.end(true, null),
        (error: unknown) => this.end(false, error),
      );
    return true;
  }

  // Resolves when nothing is on its way any more.
  done(): Promise<BurstCount> {
    if (this.waiting === 0) return Promise.resolve(this.count);
    return new Promise((resolve) => this.settled.push(() => resolve(this.count)));
  }

  private end(saved: boolean, error: unknown): void {
    --this.waiting;
    if (saved) ++this.count.saved;
    else ++this.count.failed;
    this.told({ ...this.count }, error);
    if (this.waiting === 0) for (const tell of this.settled.splice(0)) tell();
  }
}

export function burstName(): string {
  return `b${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
}
