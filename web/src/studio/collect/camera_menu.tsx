// Which camera is looked through: those plugged in, then the made scenes, then any other address.
import { useEffect, useState } from "preact/hooks";
import { get, put } from "../api/client";
import { camera } from "../api/events";
import type { Camera, CameraChoice } from "../api/types";
import { useStore } from "../core/store";
import { t } from "../i18n/i18n";
import { Button, Select, TextField } from "../ui/controls";
import { Failure } from "../ui/failure";
import { Dialog } from "../ui/surfaces";

const other = "\n";

export function CameraMenu() {
  const current = useStore(camera);
  const [choices, setChoices] = useState<CameraChoice[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [typing, setTyping] = useState(false);
  const look = () => {
    get<{ cameras: CameraChoice[] }>("/cameras").then((answer) => setChoices(answer.cameras), setError);
  };
  useEffect(look, [current.state]);
  const choose = async (uri: string) => {
    if (uri === other) return setTyping(true);
    setError(null);
    try {
      camera.set(await put<Camera>("/camera", { uri }));
    } catch (caught) {
      setError(caught);
    }
  };
  const known = choices.some((each) => each.uri === current.uri);
  return (
    <div class="stack tight">
      <Select
        label={t("camera")}
        value={current.uri}
        options={[
          ...(current.uri && !known ? [{ value: current.uri, label: current.device || current.uri }] : []),
          ...(current.uri ? [] : [{ value: "", label: t("camera.choose"), disabled: true }]),
          ...choices.map((each) => ({ value: each.uri, label: each.name || each.uri })),
          { value: other, label: t("camera.other") },
        ]}
        onValue={(uri) => void choose(uri)}
      />
      {error ? <Failure error={error} /> : null}
      {typing ? (
        <AddressDialog
          onClose={() => setTyping(false)}
          onAddress={(uri) => {
            setTyping(false);
            void choose(uri);
          }}
        />
      ) : null}
    </div>
  );
}

function AddressDialog({ onClose, onAddress }: { onClose: () => void; onAddress: (uri: string) => void }) {
  const [uri, setUri] = useState("");
  return (
    <Dialog title={t("camera.other")} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          onAddress(uri.trim());
        }}
      >
        <TextField label={t("camera.address")} hint={t("camera.address.how")} value={uri} onValue={setUri} />
        <div class="row end">
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" look="primary" disabled={uri.trim() === ""}>
            {t("camera.open")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
