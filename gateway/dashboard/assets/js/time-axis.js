// Where the marks of a time axis stand, in the viewer's zone, and what is written at them.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 28 * DAY];

const WITH_SECONDS = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const WITH_MINUTES = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DATE = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

/** Marks between two instants (milliseconds), no more than `most`: `{t, text, day}`, where `day` is
 * true of the first of a day. They stand at round times of the clock on the wall, on days that have
 * an hour more or less too. */
export function marks(from, to, most = 6) {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? 364 * DAY;
  const start = new Date(from);
  const wall = (number) => new Date(start.getFullYear(), start.getMonth(), start.getDate(), 0, 0, (number * step) / SECOND);
  const found = [];
  for (let number = 0; wall(number) <= to; number += 1) {
    const at = wall(number);
    if (at >= from && at.getTime() !== found.at(-1)?.t) found.push(mark(at, step));
  }
  return found;
}

function mark(at, step) {
  const day = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
  const format = day && step >= HOUR ? DATE : step < MINUTE ? WITH_SECONDS : WITH_MINUTES;
  return { t: at.getTime(), text: format.format(at), day };
}
