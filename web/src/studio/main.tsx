// Opens the studio: language and theme first, then the event stream, then the page.
import { render } from "preact";
import { get, onSignedOut, Refusal } from "./api/client";
import { connection, listen } from "./api/events";
import { App } from "./app";
import { followAddress } from "./core/route";
import { applyTheme, settings } from "./core/settings";
import { speakLanguage } from "./i18n/i18n";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/views.css";

async function signedIn(): Promise<boolean> {
  try {
    await get("/session");
    return true;
  } catch (error) {
    // A server that does not answer is no reason to ask for a code: the stream tries again.
    return !(error instanceof Refusal && error.problem.status === 401);
  }
}

async function open(): Promise<void> {
  applyTheme(settings.value.theme);
  settings.watch(({ theme, language }) => {
    applyTheme(theme);
    void speakLanguage(language);
  });
  followAddress();
  const host = document.getElementById("studio")!;
  const [known] = await Promise.all([signedIn(), speakLanguage(settings.value.language)]);
  host.replaceChildren();
  let stop = () => {};
  onSignedOut(() => {
    stop();
    connection.set("signed-out");
  });
  if (known) stop = listen();
  else connection.set("signed-out");
  render(<App />, host);
}

void open();
