// Collect: things by category in bursts, and fingertips on frozen pictures.
import { datasets } from "../api/events";
import { post } from "../api/client";
import type { Dataset, DatasetName } from "../api/types";
import { announce } from "../core/announce";
import { useKeys } from "../core/keys";
import { hashOf } from "../core/route";
import { useStore } from "../core/store";
import { t } from "../i18n/i18n";
import { tellFailure } from "../ui/failure";
import { toast } from "../ui/surfaces";
import { CameraStage } from "../ui/stage";
import { CameraMenu } from "./camera_menu";
import { Fingertips } from "./fingertips";
import { Things } from "./things";

export async function undo(dataset: DatasetName, again: "undo" | "redo" = "undo"): Promise<void> {
  try {
    const answer = await post<{ dataset: Dataset }>(`/datasets/${dataset}/${again}`);
    datasets.update((all) => (all ? { ...all, [dataset]: answer.dataset } : all));
    toast(t(again === "undo" ? "undone" : "redone"));
  } catch (error) {
    tellFailure(error);
  }
}

export function CollectView({ part }: { part: string }) {
  const name: DatasetName = part === "fingertips" ? "pointing" : "things";
  const dataset = useStore(datasets)?.[name];
  const step = (event: KeyboardEvent, again: "undo" | "redo") => {
    event.preventDefault();
    if (datasets.value?.[name][again]) void undo(name, again);
    else announce(t(again === "undo" ? "undo.nothing" : "redo.nothing"));
  };
  useKeys({
    "Ctrl+z": (event) => step(event, event.shiftKey ? "redo" : "undo"),
    "Ctrl+y": (event) => step(event, "redo"),
  });
  return (
    <div class="view">
      <nav class="tabs" aria-label={t("collect.what")}>
        <a href={hashOf("collect")} {...(name === "things" ? { "aria-current": "page" as const } : {})}>
          {t("things")}
        </a>
        <a href={hashOf("collect", "fingertips")} {...(name === "pointing" ? { "aria-current": "page" as const } : {})}>
          {t("fingertips")}
        </a>
      </nav>
      {dataset ? name === "things" ? <Things dataset={dataset} /> : <Fingertips dataset={dataset} /> : <CameraOnly />}
    </div>
  );
}

// While no project is open there is nothing to collect into, but the camera can be aimed.
function CameraOnly() {
  return (
    <div class="columns">
      <CameraStage label={t("camera.picture")} />
      <CameraMenu />
    </div>
  );
}
