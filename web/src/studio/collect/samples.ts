// The samples of a dataset as a list that follows the dataset: read again, at most a few times a
// second, whenever the server says that it changed.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { base, get } from "../api/client";
import type { Dataset, DatasetName, Sample } from "../api/types";

export const pageSize = 60;
const readAgainMs = 400;

export const imageOf = (dataset: DatasetName, sample: string) => `${base}/datasets/${dataset}/samples/${encodeURIComponent(sample)}/image`;
export const thumbnailOf = (dataset: DatasetName, sample: string) => `${base}/datasets/${dataset}/samples/${encodeURIComponent(sample)}/thumbnail`;

interface Listing {
  total: number;
  samples: Sample[];
}

export interface Samples extends Listing {
  more: () => void;
  error: unknown;
}

export function useSamples(dataset: Dataset, filter: string): Samples {
  const [listing, setListing] = useState<Listing>({ total: 0, samples: [] });
  const [error, setError] = useState<unknown>(null);
  const [limit, setLimit] = useState(pageSize);
  const lastRead = useRef(0);
  useEffect(() => setLimit(pageSize), [filter]);
  useEffect(() => {
    const stop = new AbortController();
    const wait = Math.max(0, lastRead.current + readAgainMs - performance.now());
    const timer = setTimeout(() => {
      lastRead.current = performance.now();
      get<Listing>(`/datasets/${dataset.name}/samples?${filter}&offset=0&limit=${Math.min(500, limit)}`, stop.signal).then(
        (answer) => (setListing(answer), setError(null)),
        (caught) => stop.signal.aborted || setError(caught),
      );
    }, wait);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [dataset, filter, limit]);
  return { ...listing, error, more: useCallback(() => setLimit((before) => before + pageSize), []) };
}
