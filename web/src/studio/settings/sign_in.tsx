// What a browser sees that the studio does not know: the field for the pairing code.
import { useState } from "preact/hooks";
import { post, Refusal } from "../api/client";
import { t } from "../i18n/i18n";
import { Button, TextField } from "../ui/controls";
import { Failure } from "../ui/failure";
import { Mark } from "../ui/icons";
import { LanguageChoice } from "./choices";

// Eight digits, however they were typed or pasted.
export function tidyCode(typed: string): string {
  const digits = typed.replace(/\D/g, "").slice(0, 8);
  return digits.length > 4 ? `${digits.slice(0, 4)}-${digits.slice(4)}` : digits;
}

export function SignIn() {
  const [code, setCode] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await post("/session", { code });
      location.reload();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={(event) => void send(event)}>
        <div class="mark">
          <Mark />
          <span>deixis</span>
        </div>
        <h1>{t("sign.title")}</h1>
        <p>{t("sign.how")}</p>
        <p class="quiet">{t("sign.code")}</p>
        <TextField
          label={t("sign.field")}
          value={code}
          inputMode="numeric"
          autoComplete="one-time-code"
          onValue={(typed) => setCode(tidyCode(typed))}
        />
        {error ? error instanceof Refusal && error.problem.status === 401 ? <p class="fault" role="alert">{t("sign.wrong")}</p> : <Failure error={error} /> : null}
        <Button type="submit" look="primary" disabled={busy || code.length < 9}>
          {t("sign.enter")}
        </Button>
        <LanguageChoice />
      </form>
    </main>
  );
}
