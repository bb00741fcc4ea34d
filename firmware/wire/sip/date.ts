/** The Date header field: RFC 1123 form, always GMT (RFC 3261 section 20.17): `Sat, 13 Nov 2010 23:29:00 GMT`. */

const DAYS: readonly string[] = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];
const MONTHS: readonly string[] = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const DAY_SECONDS = 86_400;

/** Days from 1970-01-01 to a day of the Gregorian calendar; months from 1. */
function daysTo(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

/** Seconds since 1970; null for what is no such date. The name of the day is not held against the date. */
export function parseDate(text: string): number | null {
  const match = /^(\w{3}), (\d{1,2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (match === null) return null;
  const [, weekday = '', day, monthName = '', year, hour, minute, second] = match;
  const month = MONTHS.indexOf(monthName) + 1;
  if (month === 0 || Number(day) < 1 || Number(day) > 31) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  const days = daysTo(Number(year), month, Number(day));
  if (!DAYS.includes(weekday)) return null;
  return days * DAY_SECONDS + Number(hour) * 3600 + Number(minute) * 60 + Number(second);
}

/** @param seconds since 1970 */
export function dateValue(seconds: number): string {
  const whole = Math.floor(seconds);
  const days = Math.floor(whole / DAY_SECONDS);
  const time = whole - days * DAY_SECONDS;
  let year = 1970 + Math.floor(days / 365.2425);
  while (daysTo(year, 1, 1) > days) year--;
  while (daysTo(year + 1, 1, 1) <= days) year++;
  let month = 12;
  while (daysTo(year, month, 1) > days) month--;
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${DAYS[((days % 7) + 7) % 7]}, ${two(days - daysTo(year, month, 1) + 1)} ${MONTHS[month - 1]} ${year}`;
  return `${date} ${two(Math.floor(time / 3600))}:${two(Math.floor(time / 60) % 60)}:${two(time % 60)} GMT`;
}
