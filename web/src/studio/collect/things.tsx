// Pictures of things: choose a category, hold the button or Space, and what is shown is saved.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { patch, post, remove } from "../api/client";
import { datasets } from "../api/events";
import type { Category, Dataset } from "../api/types";
import type { Shown } from "../api/video";
import { announce } from "../core/announce";
import { takesKeys } from "../core/keys";
import { t } from "../i18n/i18n";
import { Button, TextField } from "../ui/controls";
import { Failure } from "../ui/failure";
import { CameraStage } from "../ui/stage";
import { Card, Dialog, Progress } from "../ui/surfaces";
import { AdviceList } from "./advice";
import { Burst, burstName, type BurstCount } from "./burst";
import { CameraMenu } from "./camera_menu";
import { undo } from "./collect_view";
import { Gallery } from "./gallery";
import { ExportDataset, ImportDialog } from "./import_dialog";

// As many pictures as a category wants when the server has no number of its own.
const wantedPictures = 30;

export function wantedOf(dataset: Dataset, category: string): number {
  return dataset.advice.find((each) => each.kind === "few-pictures" && each.category === category)?.want ?? wantedPictures;
}

export const nameOfCategory = (category: Pick<Category, "name" | "is_nothing">) => (category.is_nothing ? t("nothing") : category.name);

export function Things({ dataset }: { dataset: Dataset }) {
  const first = dataset.categories.find((each) => !each.is_nothing) ?? dataset.categories[0];
  const [chosen, setChosen] = useState(first?.name ?? "");
  const [importing, setImporting] = useState(false);
  const [exporting, setExporting] = useState(false);
  const category = dataset.categories.find((each) => each.name === chosen) ?? first;
  return (
    <>
      <div class="columns">
        <div class="stack">
          <Capture category={category} />
        </div>
        <div class="stack">
          <Categories dataset={dataset} chosen={category?.name ?? ""} onChosen={setChosen} />
          <div class="row">
            <Button icon="import" onClick={() => setImporting(true)}>
              {t("import")}
            </Button>
            <Button icon="export" label={t("export.dataset")} disabled={dataset.samples === 0} onClick={() => setExporting(true)} />
            <UndoButton dataset={dataset} />
          </div>
          <AdviceList dataset={dataset} />
          <CameraMenu />
        </div>
      </div>
      {category ? <Gallery dataset={dataset} category={category.name} /> : null}
      {exporting ? <ExportDataset dataset={dataset} onClose={() => setExporting(false)} /> : null}
      {importing ? <ImportDialog dataset={dataset} category={category?.name ?? null} onClose={() => setImporting(false)} /> : null}
    </>
  );
}

export function UndoButton({ dataset }: { dataset: Dataset }) {
  return (
    <>
      <Button icon="undo" disabled={!dataset.undo} title={dataset.undo?.text ?? t("undo.nothing")} onClick={() => void undo(dataset.name)}>
        {t("undo")}
      </Button>
      <Button icon="redo" label={t("redo")} disabled={!dataset.redo} onClick={() => void undo(dataset.name, "redo")} />
    </>
  );
}

// The picture and the shutter. Held by pointer, by Space wherever nothing else wants it, by Space or
// Enter on the button itself; a plain click from assistive technology takes one picture.
function Capture({ category }: { category: Category | undefined }) {
  const burst = useRef<Burst | null>(null);
  const shown = useRef(0);
  const [count, setCount] = useState<BurstCount | null>(null);
  const [error, setError] = useState<unknown>(null);
  const name = category?.name;
  const start = useCallback(() => {
    if (burst.current || name === undefined) return;
    setError(null);
    setCount({ saved: 0, failed: 0 });
    burst.current = new Burst(
      burstName(),
      (frame_id, id) => post("/datasets/things/samples", { frame_id, category: name, burst: id }),
      (now, failure) => {
        setCount(now);
        if (failure) setError(failure);
      },
    );
    if (shown.current > 0) burst.current.offer(shown.current, performance.now());
  }, [name]);
  const stop = useCallback(() => {
    const ended = burst.current;
    if (!ended) return;
    burst.current = null;
    void ended.done().then(({ saved }) => {
      setCount(null);
      announce(t("burst.done", { n: saved, category: category ? nameOfCategory(category) : "" }));
    });
  }, [category?.name]);
  useHeldSpace(start, stop);
  useEffect(() => stop, []);
  const onFrame = useCallback((frame: Shown) => {
    shown.current = frame.frame_id;
    burst.current?.offer(frame.frame_id, performance.now());
  }, []);
  const label = category ? nameOfCategory(category) : "";
  const keyed = (event: KeyboardEvent) => event.key === " " || event.key === "Enter";
  return (
    <>
      <div class={count ? "taking" : ""}>
        <CameraStage label={t("camera.picture")} onFrame={onFrame} veil={null} overlay={null} />
      </div>
      {error ? <Failure error={error} /> : null}
      <Button
        look="point"
        class="shutter"
        disabled={!category}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          start();
        }}
        onPointerUp={stop}
        onPointerCancel={stop}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={(event) => {
          if (!keyed(event)) return;
          event.preventDefault();
          start();
        }}
        onKeyUp={(event) => {
          if (!keyed(event)) return;
          event.preventDefault();
          stop();
        }}
        onClick={(event) => {
          if (event.detail > 0) return;  // the pointer has been dealt with above
          start();
          stop();
        }}
      >
        <i class="lens" aria-hidden="true" />
        <span>
          {count ? t("burst.taking", { n: count.saved, category: label }) : t("burst.hold", { category: label })}
          <small>{t("burst.space")}</small>
        </span>
      </Button>
    </>
  );
}

function useHeldSpace(start: () => void, stop: () => void): void {
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      if (event.key !== " " || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
      if (takesKeys(document.activeElement, " ") || document.querySelector("dialog[open]")) return;
      event.preventDefault();  // the page does not scroll
      if (!event.repeat) start();
    };
    const up = (event: KeyboardEvent) => event.key === " " && stop();
    addEventListener("keydown", down);
    addEventListener("keyup", up);
    addEventListener("blur", stop);
    return () => {
      removeEventListener("keydown", down);
      removeEventListener("keyup", up);
      removeEventListener("blur", stop);
    };
  }, [start, stop]);
}

interface CategoriesProps {
  dataset: Dataset;
  chosen: string;
  onChosen: (name: string) => void;
}

function Categories({ dataset, chosen, onChosen }: CategoriesProps) {
  const [name, setName] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [editing, setEditing] = useState<Category | null>(null);
  const add = async (event: Event) => {
    event.preventDefault();
    setError(null);
    try {
      const wanted = name.trim();
      const after = await post<Dataset>("/datasets/things/categories", { name: wanted });
      datasets.update((all) => (all ? { ...all, things: after } : all));
      onChosen(after.categories.find((each) => each.name === wanted)?.name ?? chosen);
      setName("");
    } catch (caught) {
      setError(caught);
    }
  };
  return (
    <Card title={t("categories")}>
      <fieldset class="categories">
        <legend class="sr-only">{t("categories.choose")}</legend>
        {dataset.categories.map((each) => (
          <CategoryLine key={each.name} dataset={dataset} category={each} chosen={each.name === chosen} onChosen={onChosen} onEdit={setEditing} />
        ))}
      </fieldset>
      <form class="row bottom" onSubmit={(event) => void add(event)}>
        <div class="grow">
          <TextField label={t("category.new")} value={name} maxLength={64} onValue={setName} />
        </div>
        <Button type="submit" icon="add" disabled={name.trim() === ""}>
          {t("add")}
        </Button>
      </form>
      {error ? <Failure error={error} /> : null}
      {editing ? <CategoryDialog category={editing} onClose={() => setEditing(null)} onRenamed={onChosen} /> : null}
    </Card>
  );
}

interface CategoryLineProps {
  dataset: Dataset;
  category: Category;
  chosen: boolean;
  onChosen: (name: string) => void;
  onEdit: (category: Category) => void;
}

function CategoryLine({ dataset, category, chosen, onChosen, onEdit }: CategoryLineProps) {
  const wanted = wantedOf(dataset, category.name);
  const label = nameOfCategory(category);
  return (
    <div class={`category ${chosen ? "chosen" : ""}`}>
      <label>
        <input type="radio" name="category" checked={chosen} onChange={() => onChosen(category.name)} />
        <span class="grow">
          <span class="row between">
            <b>{label}</b>
            <span class="quiet small">
              {t("category.count", { n: category.samples, wanted })}
            </span>
          </span>
          <Progress label={t("category.meter", { category: label, n: category.samples, wanted })} share={category.samples / wanted} full={category.samples >= wanted} />
          {category.is_nothing ? <small class="quiet">{t("nothing.what")}</small> : null}
        </span>
      </label>
      {category.is_nothing ? null : <Button look="plain" icon="edit" label={t("category.edit", { category: label })} onClick={() => onEdit(category)} />}
    </div>
  );
}

function CategoryDialog({ category, onClose, onRenamed }: { category: Category; onClose: () => void; onRenamed: (name: string) => void }) {
  const [name, setName] = useState(category.name);
  const [error, setError] = useState<unknown>(null);
  const path = `/datasets/things/categories/${encodeURIComponent(category.name)}`;
  const attempt = async (action: () => Promise<Dataset>) => {
    setError(null);
    try {
      const after = await action();
      datasets.update((all) => (all ? { ...all, things: after } : all));
      onClose();
    } catch (caught) {
      setError(caught);
    }
  };
  return (
    <Dialog title={t("category.edit", { category: category.name })} onClose={onClose}>
      <form
        class="row bottom"
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = name.trim();
          void attempt(async () => {
            const after = await patch<Dataset>(path, { name: wanted });
            onRenamed(wanted);
            return after;
          });
        }}
      >
        <div class="grow">
          <TextField label={t("category.name")} value={name} maxLength={64} onValue={setName} />
        </div>
        <Button type="submit" look="primary" disabled={name.trim() === "" || name.trim() === category.name}>
          {t("rename")}
        </Button>
      </form>
      {category.samples > 0 ? <p class="quiet">{t("category.delete.what", { n: category.samples })}</p> : null}
      {error ? <Failure error={error} /> : null}
      <div class="row end">
        <Button look="danger" icon="trash" disabled={category.samples > 0} onClick={() => void attempt(() => remove<Dataset>(path))}>
          {t("category.delete")}
        </Button>
      </div>
    </Dialog>
  );
}
