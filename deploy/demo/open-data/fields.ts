import { identifierFault, type Contact, type Identifier, type PostalAddress } from '@myelin/contracts';
import type { Row } from './row.js';

/** The identifiers given so far: each (scheme, value) belongs to the first record that claims it. */
export class Claims {
  private readonly owners = new Map<string, string>();

  /** The identifiers of one cell that are valid and free; the others are reported and left out. */
  take(row: Row, owner: string, field: string, scheme: string, values: string[]): Identifier[] {
    if (values.length > 1) row.report(field, 'several values', 'all kept, the first one leads');
    return values.filter((value) => this.accept(row, owner, field, scheme, value)).map((value) => ({ scheme, value }));
  }

  private accept(row: Row, owner: string, field: string, scheme: string, value: string): boolean {
    const fault = identifierFault(scheme, value);
    if (fault !== undefined) {
      row.report(field, 'invalid identifier', `left out: ${fault}`, value);
      return false;
    }
    const first = this.owners.get(`${scheme}:${value}`);
    if (first !== undefined) {
      row.report(field, 'claimed twice', `left out of ${owner}: ${first} had it first`, value);
      return false;
    }
    this.owners.set(`${scheme}:${value}`, owner);
    return true;
  }
}

/** First day of a date that may be a year, a year and a month, or a day. */
export function firstDay(row: Row, field: string): string | undefined {
  const value = row.text(field);
  if (value === undefined) return undefined;
  if (/^\d{4}-\d{2}-\d{2}$/.test(value)) return value;
  if (!/^\d{4}(-\d{2})?$/.test(value)) {
    row.report(field, 'invalid date', 'left out');
    return undefined;
  }
  const day = value.length === 4 ? `${value}-01-01` : `${value}-01`;
  row.report(field, 'day missing', `${day} taken`);
  return day;
}

/** Country calling codes of the overseas territories, by the first digits of a national number. */
const OVERSEAS: Record<string, string> = { '262': '262', '269': '262', '590': '590', '594': '594', '596': '596' };

/** A French telephone number in international form with spaces. */
export function phone(row: Row, field: string): Contact[] {
  const value = row.text(field);
  if (value === undefined) return [];
  const national = /^\+33(\d{9})$/.exec(value)?.[1];
  if (national === undefined) {
    row.report(field, 'invalid phone', 'left out');
    return [];
  }
  const pairs = national.slice(1).replace(/(\d{2})(?=\d)/g, '$1 ');
  const territory = OVERSEAS[national.slice(0, 3)];
  if (territory === undefined) return [{ kind: 'workPhone', value: `+33 ${national[0]} ${pairs}` }];
  row.report(field, 'overseas number under +33', `country code +${territory} written`);
  const [area, rest] = [national.slice(0, 3), national.slice(3).replace(/(\d{2})(?=\d)/g, '$1 ')];
  return [{ kind: 'workPhone', value: `+${territory} ${area} ${rest}` }];
}

/** A web address. */
export function website(row: Row, field: string): Contact[] {
  const value = row.text(field);
  if (value === undefined) return [];
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol.startsWith('http') && url.username === '') return [{ kind: 'website', value }];
  row.report(field, 'invalid web address', 'left out');
  return [];
}

/** Countries that the files name, by ISO 3166 code. */
const COUNTRIES: Record<string, string> = { France: 'FR', Italie: 'IT', Grèce: 'GR', Espagne: 'ES', Égypte: 'EG' };

/** Which columns hold the parts of an address. */
export interface AddressColumns {
  lines: string[];
  postcode: string;
  town: string;
  townCode: string;
  country?: string;
}

/** A postal address, empty when nothing of it is known. */
export function address(row: Row, columns: AddressColumns): PostalAddress[] {
  const lines = columns.lines.map((column) => row.text(column)).filter((line) => line !== undefined);
  const postcode = row.text(columns.postcode);
  const town = row.text(columns.town);
  const townCode = row.text(columns.townCode);
  if (lines.length === 0 && postcode === undefined && town === undefined) return [];
  const country = columns.country === undefined ? 'FR' : countryCode(row, columns.country);
  return [
    {
      kind: 'site',
      ...(lines.length > 0 && { lines }),
      ...(postcode && { postcode }),
      ...(town && { town }),
      ...(townCode && { townCode }),
      ...(country && { country }),
    },
  ];
}

function countryCode(row: Row, field: string): string | undefined {
  const value = row.text(field);
  const code = value === undefined ? undefined : COUNTRIES[value];
  if (value !== undefined && code === undefined) row.report(field, 'unknown country', 'left out');
  return code;
}
