// The pictures of a category: chosen by pointer or keyboard, moved to another category, deleted.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { patch, post } from "../api/client";
import type { Dataset, Sample } from "../api/types";
import { t } from "../i18n/i18n";
import { Button, Select } from "../ui/controls";
import { Failure, tellFailure } from "../ui/failure";
import { Icon } from "../ui/icons";
import { Card, Dialog, toast } from "../ui/surfaces";
import { undo } from "./collect_view";
import { imageOf, thumbnailOf, useSamples } from "./samples";
import { nameOfCategory } from "./things";

interface GalleryProps {
  dataset: Dataset;
  category: string;
}

export function Gallery({ dataset, category }: GalleryProps) {
  const { samples, total, more, error } = useSamples(dataset, `category=${encodeURIComponent(category)}`);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [large, setLarge] = useState<Sample | null>(null);
  useEffect(() => setChosen(new Set()), [category]);
  // What is gone is no longer chosen.
  const picked = useMemo(() => samples.filter((each) => chosen.has(each.id)).map((each) => each.id), [samples, chosen]);
  const found = dataset.categories.find((each) => each.name === category);
  const label = found ? nameOfCategory(found) : category;

  const deletePicked = async (ids: string[]) => {
    if (ids.length === 0) return;
    try {
      const { deleted } = await post<{ deleted: number }>(`/datasets/${dataset.name}/samples/delete`, { samples: ids });
      setChosen(new Set());
      toast(t("deleted", { n: deleted }), { label: t("undo"), run: () => void undo(dataset.name) });
    } catch (caught) {
      tellFailure(caught);
    }
  };
  const move = async (ids: string[], to: string) => {
    try {
      for (const id of ids) await patch(`/datasets/${dataset.name}/samples/${encodeURIComponent(id)}`, { category: to });
      setChosen(new Set());
      const target = dataset.categories.find((each) => each.name === to);
      toast(t("moved", { n: ids.length, category: target ? nameOfCategory(target) : to }));
    } catch (caught) {
      tellFailure(caught);
    }
  };
  const others = dataset.categories.filter((each) => each.name !== category);
  return (
    <Card
      title={t("gallery", { category: label, n: total })}
      actions={
        samples.length > 0 ? (
          <Button look="plain" onClick={() => setChosen(picked.length === samples.length ? new Set() : new Set(samples.map((each) => each.id)))}>
            {picked.length === samples.length ? t("choose.none") : t("choose.all")}
          </Button>
        ) : null
      }
    >
      {error ? <Failure error={error} /> : null}
      {samples.length === 0 ? <p class="quiet empty">{t("gallery.empty", { category: label })}</p> : null}
      {samples.length > 0 ? (
        <Grid dataset={dataset} label={label} samples={samples} chosen={chosen} onChosen={setChosen} onDelete={(ids) => void deletePicked(ids)} onOpen={setLarge} />
      ) : null}
      {total > samples.length ? (
        <div class="row">
          <Button onClick={more}>{t("more", { n: total - samples.length })}</Button>
        </div>
      ) : null}
      {picked.length > 0 ? (
        <div class="row bottom selection" role="group" aria-label={t("chosen", { n: picked.length })}>
          <b class="grow">{t("chosen", { n: picked.length })}</b>
          {others.length > 0 ? (
            <Select
              label={t("move.to")}
              value=""
              options={[{ value: "", label: t("move.choose"), disabled: true }, ...others.map((each) => ({ value: each.name, label: nameOfCategory(each) }))]}
              onValue={(to) => void move(picked, to)}
            />
          ) : null}
          <Button look="danger" icon="trash" onClick={() => void deletePicked(picked)}>
            {t("delete")}
          </Button>
        </div>
      ) : null}
      {large ? (
        <Dialog wide title={t("picture.of", { category: label })} onClose={() => setLarge(null)}>
          <img class="large" src={imageOf(dataset.name, large.id)} alt={t("picture.of", { category: label })} />
          <p class="quiet small">
            {t("picture.facts", { width: String(large.width_px), height: String(large.height_px) })} · {large.split === "held_out" ? t("held_out.what") : t("training.what")}
          </p>
        </Dialog>
      ) : null}
    </Card>
  );
}

interface GridProps {
  dataset: Dataset;
  label: string;
  samples: Sample[];
  chosen: ReadonlySet<string>;
  onChosen: (chosen: ReadonlySet<string>) => void;
  onDelete: (ids: string[]) => void;
  onOpen: (sample: Sample) => void;
}

// A list box in a grid: arrows move, Space chooses, Shift extends, Ctrl+A takes all, Delete deletes,
// Enter shows the picture large. One stop of the Tab key, however many pictures.
function Grid({ dataset, label, samples, chosen, onChosen, onDelete, onOpen }: GridProps) {
  const list = useRef<HTMLUListElement>(null);
  const [active, setActive] = useState(0);
  const at = Math.min(active, samples.length - 1);
  // When the picture that has the focus goes away, the one in its place gets it.
  const isInside = useRef(false);
  useLayoutEffect(() => {
    if (isInside.current && !list.current?.contains(document.activeElement)) (list.current?.children[at] as HTMLElement | undefined)?.focus();
  }, [samples]);
  const left = (event: FocusEvent) => {
    const item = event.target as HTMLElement;
    queueMicrotask(() => {
      if (item.isConnected && !list.current?.contains(document.activeElement)) isInside.current = false;
    });
  };
  const goTo = (index: number, extend: boolean) => {
    const to = Math.min(samples.length - 1, Math.max(0, index));
    setActive(to);
    if (extend) onChosen(new Set([...chosen, samples[at]!.id, samples[to]!.id]));
    (list.current?.children[to] as HTMLElement | undefined)?.focus();
  };
  const toggle = (index: number) => {
    const next = new Set(chosen);
    const { id } = samples[index]!;
    if (!next.delete(id)) next.add(id);
    onChosen(next);
  };
  const columns = () => {
    const tops = [...(list.current?.children ?? [])].map((each) => (each as HTMLElement).offsetTop);
    return Math.max(1, tops.filter((top) => top === tops[0]).length);
  };
  const press = (event: KeyboardEvent) => {
    const steps: Record<string, () => number> = {
      ArrowRight: () => at + 1,
      ArrowLeft: () => at - 1,
      ArrowDown: () => at + columns(),
      ArrowUp: () => at - columns(),
      Home: () => 0,
      End: () => samples.length - 1,
    };
    const step = steps[event.key];
    if (step) goTo(step(), event.shiftKey);
    else if (event.key === " ") toggle(at);
    else if (event.key === "Enter") onOpen(samples[at]!);
    else if (event.key === "Delete" || event.key === "Backspace") onDelete(chosen.size > 0 ? samples.filter((each) => chosen.has(each.id)).map((each) => each.id) : [samples[at]!.id]);
    else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) onChosen(new Set(samples.map((each) => each.id)));
    else return;
    event.preventDefault();
  };
  return (
    <ul class="thumbnails" ref={list} role="listbox" aria-multiselectable="true" aria-label={t("gallery.list", { category: label })} onKeyDown={press} onFocusIn={() => (isInside.current = true)} onFocusOut={left}>
      {samples.map((sample, index) => (
        <li
          key={sample.id}
          role="option"
          aria-selected={chosen.has(sample.id)}
          aria-label={t(sample.split === "held_out" ? "picture.held_out" : "picture.number", { number: index + 1 })}
          tabIndex={index === at ? 0 : -1}
          onClick={() => {
            setActive(index);
            toggle(index);
          }}
          onDblClick={() => onOpen(sample)}
        >
          <img src={thumbnailOf(dataset.name, sample.id)} alt="" loading="lazy" width={160} height={120} />
          {sample.split === "held_out" ? (
            <span class="corner" title={t("held_out.what")}>
              <Icon name="eye" />
            </span>
          ) : null}
          <span class="picked" aria-hidden="true">
            <Icon name="check" />
          </span>
        </li>
      ))}
    </ul>
  );
}
