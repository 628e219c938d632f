// Language, theme, keys, other machines, and what this program is.
import { useEffect, useState } from "preact/hooks";
import { post, remove } from "../api/client";
import { snapshot } from "../api/events";
import { bytes, span } from "../core/format";
import { changeSettings, settings } from "../core/settings";
import { useStore } from "../core/store";
import { t } from "../i18n/i18n";
import { Button, Switch } from "../ui/controls";
import { Failure, tellFailure } from "../ui/failure";
import { Card, Notice } from "../ui/surfaces";
import { LanguageChoice, ThemeChoice } from "./choices";

export function SettingsView() {
  return (
    <div class="halves">
      <div class="stack">
        <Card title={t("settings.look")}>
          <LanguageChoice />
          <ThemeChoice />
        </Card>
        <Keys />
      </div>
      <div class="stack">
        <Pairing />
        <About />
      </div>
    </div>
  );
}

const keyList = [
  ["Space", "keys.space"],
  ["F", "keys.freeze"],
  ["← ↑ → ↓", "keys.arrows"],
  ["Shift + ← ↑ → ↓", "keys.shift"],
  ["Tab", "keys.next"],
  ["N", "keys.none"],
  ["Enter", "keys.save"],
  ["Esc", "keys.escape"],
  ["Ctrl + Z", "keys.undo"],
  ["Delete", "keys.delete"],
] as const;

function Keys() {
  const { singleKeys } = useStore(settings);
  return (
    <Card title={t("settings.keys")}>
      <Switch label={t("settings.single")} checked={singleKeys} onChecked={(checked) => changeSettings({ singleKeys: checked })} />
      <dl class="keys">
        {keyList.map(([key, what]) => (
          <div key={what}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

interface Code {
  code: string;
  expires_s: number;
  addresses: string[];
}

function Pairing() {
  const [code, setCode] = useState<Code | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    if (!code) return;
    const timer = setTimeout(() => setCode(null), 1000 * code.expires_s);
    return () => clearTimeout(timer);
  }, [code]);
  const ask = async () => {
    setError(null);
    try {
      setCode(await post<Code>("/pairing"));
    } catch (caught) {
      setError(caught);
    }
  };
  const signOut = async () => {
    try {
      await remove("/session");
      location.reload();
    } catch (caught) {
      tellFailure(caught);
    }
  };
  return (
    <Card title={t("settings.others")}>
      <p>{t("pairing.how")}</p>
      {code ? (
        <Notice kind="good" icon="info">
          <span>{t("pairing.code", { span: span(1000 * code.expires_s) })}</span>
          <output class="code">{code.code}</output>
          {code.addresses.length > 0 ? (
            <ul>
              {code.addresses.map((address) => (
                <li key={address}>
                  <code>{address}</code>
                </li>
              ))}
            </ul>
          ) : (
            <span>{t("pairing.alone")}</span>
          )}
        </Notice>
      ) : null}
      {error ? <Failure error={error} /> : null}
      <div class="row">
        <Button onClick={() => void ask()}>{t("pairing.ask")}</Button>
        <Button look="plain" onClick={() => void signOut()}>
          {t("sign.out")}
        </Button>
      </div>
    </Card>
  );
}

function About() {
  const known = useStore(snapshot);
  return (
    <Card title={t("settings.about")}>
      <dl class="facts">
        <dt>{t("about.version")}</dt>
        <dd>{known?.version ?? ""}</dd>
        {known?.memory ? (
          <>
            <dt>{t("about.memory")}</dt>
            <dd>{t("about.free", { free: bytes(known.memory.available_bytes), total: bytes(known.memory.total_bytes) })}</dd>
          </>
        ) : null}
        {known?.project?.folder ? (
          <>
            <dt>{t("about.folder")}</dt>
            <dd>
              <code>{known.project.folder}</code>
            </dd>
          </>
        ) : null}
      </dl>
      <p class="quiet small">{t("about.privacy")}</p>
      <p class="quiet small">{t("about.safety")}</p>
      <p class="quiet small">{t("about.font")}</p>
    </Card>
  );
}
