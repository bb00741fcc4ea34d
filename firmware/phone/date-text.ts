/** Calendar arithmetic and the date templates of CUCM, without the host's Date: the payload has none. */

export interface CivilTime {
  readonly year: number;
  /** 1 .. 12 */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const DAY_MILLISECONDS = 86_400_000;

/** Milliseconds since 1970-01-01T00:00:00 as calendar fields; the Gregorian calendar from March, in eras of 400 years. */
export function civilTime(milliseconds: number): CivilTime {
  const days = Math.floor(milliseconds / DAY_MILLISECONDS);
  const time = milliseconds - days * DAY_MILLISECONDS;
  const shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
    hour: Math.floor(time / 3_600_000),
    minute: Math.floor(time / 60_000) % 60,
    second: Math.floor(time / 1000) % 60,
  };
}

/** Calendar fields as milliseconds since 1970-01-01T00:00:00; the inverse of `civilTime`. */
export function millisecondsOf(time: CivilTime): number {
  const year = time.month <= 2 ? time.year - 1 : time.year;
  const era = Math.floor(year / 400);
  const yearOfEra = year - era * 400;
  const monthFromMarch = time.month > 2 ? time.month - 3 : time.month + 9;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + time.day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * 146_097 + dayOfEra - 719_468;
  return days * DAY_MILLISECONDS + time.hour * 3_600_000 + time.minute * 60_000 + time.second * 1000;
}

/** At least two digits. */
function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

/**
 * Date and time as the screen's first line shows them. `template` is CUCM's: the letters D, M and Y in order, their separator, and a trailing `A` for
 * the 12-hour clock (`M/D/YA`, `D.M.Y`, `Y/M/D`; YY gives four digits). Anything else falls back to `M/D/YA`.
 */
export function dateText(milliseconds: number, template: string): string {
  const match = /^([DMY]{1,2})([-./ ])([DMY]{1,2})[-./ ]([DMY]{1,2})(A?)/.exec(template);
  if (match === null) return dateText(milliseconds, 'M/D/YA');
  const [, first = '', separator = '/', second = '', third = '', twelveHour = ''] = match;
  const time = civilTime(milliseconds);
  const part = (letters: string) => {
    if (letters[0] === 'D') return two(time.day);
    if (letters[0] === 'M') return two(time.month);
    return letters.length === 2 ? `${time.year}` : two(time.year % 100);
  };
  const date = [first, second, third].map(part).join(separator);
  if (twelveHour === '') return `${two(time.hour)}:${two(time.minute)} ${date}`;
  const hour = time.hour % 12 === 0 ? 12 : time.hour % 12;
  return `${hour}:${two(time.minute)}${time.hour < 12 ? 'a' : 'p'} ${date}`;
}
