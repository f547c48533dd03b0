import type { Estimate } from '../profiler/index.js';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Three significant digits: `1.23`, `12.3`, `123`, `1230`. */
function digits(value: number): string {
  const decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return String(Number(value.toFixed(decimals)));
}

/** `512 B`, `1.5 KiB`, `23.4 MiB`. */
export function bytesText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : digits(value)} ${BYTE_UNITS[unit]}`;
}

/** `850 us`, `1.9 ms`, `12.3 s`, `4.5 min`, `2.1 h`. */
export function durationText(ms: number): string {
  if (ms < 1) return `${digits(ms * 1000)} us`;
  if (ms < 1000) return `${digits(ms)} ms`;
  if (ms < 60_000) return `${digits(ms / 1000)} s`;
  if (ms < 3_600_000) return `${digits(ms / 60_000)} min`;
  return `${digits(ms / 3_600_000)} h`;
}

/** `3`, `4.5`, `1230`. */
export function numberText(value: number): string {
  return digits(value);
}

/** An estimate's value; where the data end before it, `>` and the least it can be; `-` where they say nothing. */
export function estimateText(estimate: Estimate, show: (value: number) => string): string {
  if (estimate.value !== null) return show(estimate.value);
  return estimate.low === null ? '-' : `>${show(estimate.low)}`;
}

const BARS = '▁▂▃▄▅▆▇█';

/** One bar an age: the share of objects that lived so long. A space where none did. */
export function sparkline(survival: readonly number[]): string {
  const all = survival[0] ?? 0;
  return survival
    .map((objects) => {
      const share = all > 0 ? objects / all : 0;
      return share < 0.0005 ? ' ' : BARS[Math.min(BARS.length - 1, Math.floor(share * BARS.length))];
    })
    .join('');
}
