// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en-US");

export const rows = (number) => (number == null ? "–" : whole.format(number));

export function rate(number) {
  if (!number) return "–";
  return number >= 10 ? whole.format(Math.round(number)) : number.toFixed(1);
}

export function span(seconds) {
  if (seconds == null) return "–";
  const total = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60];
  if (days) return `${days}d ${hours}h`;
  if (hours) return `${hours}h ${minutes}m`;
  return minutes ? `${minutes}m ${total % 60}s` : `${total}s`;
}

export function size(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes || 0;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}

export const moment = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleString() : "–");
