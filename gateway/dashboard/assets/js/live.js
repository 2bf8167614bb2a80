// What the gateway says by itself: a pulse each second, and events as they happen. One stream serves
// all pages; what it said in the last minutes is kept, so that a plot goes on where it was.

const KEEP_MS = 5 * 60_000;
const SILENT_MS = 5_000;
const AGAIN_MS = 2_000;
const GATHER_MS = 1_000;

const target = new EventTarget();
const pulses = [];
let source = null;
let state = "connecting";
let watch = 0;
let again = 0;
let heard = 0;
let first = true;

/** Pulses of the last minutes, oldest first: `{at: milliseconds, first, ...what the gateway said}`.
 * The `first` of a stream may have no rates yet: the gateway counts while somebody listens. */
export const history = () => pulses;

/** The last pulse, or null. */
export const latest = () => pulses.at(-1) ?? null;

/** `live`, `connecting` or `lost`. */
export const liveness = () => state;

/** Hear of `pulse`, `event` or `state` until the signal is raised. */
export function hear(kind, signal, listener) {
  target.addEventListener(kind, (told) => listener(told.detail), { signal });
}

/** Do `work` soon after events that are `wanted`; many may come at once, and are one reason. */
export function onEvents(signal, wanted, work) {
  let coming = 0;
  hear("event", signal, (event) => {
    if (coming || !wanted(event)) return;
    coming = setTimeout(() => {
      coming = 0;
      if (!signal.aborted) work();
    }, GATHER_MS);
  });
}

function tell(kind, detail) {
  target.dispatchEvent(new CustomEvent(kind, { detail }));
}

function become(next) {
  if (state === next) return;
  state = next;
  tell("state", state);
}

/** Begin to listen. Whoever is told no pulse (an owner, who sees only their own) is live while the
 * stream is open. */
export function start({ pulse = true } = {}) {
  stop();
  heard = Date.now();
  source = new EventSource("/v1/events");
  source.addEventListener("open", () => (first = true));
  source.addEventListener("pulse", (message) => take(JSON.parse(message.data)));
  source.addEventListener("message", (message) => tell("event", JSON.parse(message.data)));
  if (!pulse) source.addEventListener("open", () => become("live"));
  // A stream ends now and then, and the browser takes it up again by itself. Where it was refused it
  // gives up; we do not.
  source.addEventListener("error", () => {
    if (source?.readyState === EventSource.CLOSED) again = setTimeout(() => start({ pulse }), AGAIN_MS);
  });
  watch = setInterval(() => {
    const quiet = pulse ? Date.now() - heard > SILENT_MS : source?.readyState !== EventSource.OPEN;
    if (quiet) become("lost");
  }, pulse ? 1000 : SILENT_MS);
}

/** Listen no more, and forget what was heard. */
export function stop() {
  clearInterval(watch);
  clearTimeout(again);
  source?.close();
  source = null;
}

/** Forget what one person was told before another comes. */
export function forget() {
  stop();
  pulses.length = 0;
  become("connecting");
}

function take(said) {
  const now = Date.now();
  heard = now;
  pulses.push({ ...said, at: now, first });
  first = false;
  while (pulses.length > 0 && now - pulses[0].at > KEEP_MS) pulses.shift();
  become("live");
  tell("pulse", pulses.at(-1));
}
