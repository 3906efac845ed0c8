import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  choice,
  integer,
  list,
  optionalText,
  printable,
  readSettings,
  secret,
  SettingsFault,
  text,
  url,
  withFiles,
} from './settings.js';

const spec = {
  HOST: text('127.0.0.1'),
  PORT: integer(0, 65535),
  LEVEL: choice(['info', 'debug'], 'info'),
  NOTE: optionalText(),
  DATABASE_URL: url(['postgres']),
  TOKEN: secret(),
  BROKERS: list(),
};
const right = { PORT: '80', DATABASE_URL: 'postgres://u:pass-word@h/d', TOKEN: 'to-ken', BROKERS: 'a:1, b:2' };

/** What is said to be wrong. */
function faults(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    readSettings(spec, env);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsFault);
    return (error as SettingsFault).faults;
  }
  return [];
}

describe('settings', () => {
  it('may require one another', () => {
    const pair = { KEY: optionalText(), HOOK: { ...optionalText(), requires: 'KEY' } };
    expect(() => readSettings(pair, { HOOK: 'x' })).toThrow('KEY is required where HOOK is given');
    expect(readSettings(pair, { HOOK: 'x', KEY: 'y' })).toEqual({ HOOK: 'x', KEY: 'y' });
    expect(readSettings(pair, {})).toEqual({ HOOK: undefined, KEY: undefined });
  });

  it('are read with their types and defaults', () =>
    expect(readSettings(spec, right)).toEqual({
      HOST: '127.0.0.1',
      PORT: 80,
      LEVEL: 'info',
      NOTE: undefined,
      DATABASE_URL: 'postgres://u:pass-word@h/d',
      TOKEN: 'to-ken',
      BROKERS: ['a:1', 'b:2'],
    }));

  it('are told all faults together, in the message too', () => {
    const env = { PORT: 'x', LEVEL: 'loud', DATABASE_URL: 'mysql://h/d', BROKERS: 'a,,b' };
    expect(faults(env)).toEqual([
      'PORT must be a whole number from 0 to 65535',
      'LEVEL must be one of info, debug',
      'DATABASE_URL must be a postgres URL',
      'TOKEN is required',
      'BROKERS must be a list separated by commas',
    ]);
    expect(() => readSettings(spec, env)).toThrow(/PORT[^]*LEVEL[^]*DATABASE_URL[^]*TOKEN[^]*BROKERS/);
  });

  it('that are empty are absent', () =>
    expect(faults({ ...right, PORT: '', LEVEL: '' })).toEqual(['PORT is required']));

  it.each([['-1'], ['65536'], ['1.5'], ['1,5'], ['Infinity']])('a whole number is not %s', (PORT) =>
    expect(faults({ ...right, PORT })).toHaveLength(1),
  );

  it('never show what was given in a fault', () =>
    expect(faults({ ...right, DATABASE_URL: 'mysql://u:pass-word@h/d' }).join()).not.toContain('pass-word'));

  it('hide secrets and URLs when they are printed', () => {
    const shown = printable(spec, readSettings(spec, right));
    expect(shown).toMatchObject({ PORT: 80, TOKEN: '***', DATABASE_URL: '***', BROKERS: ['a:1', 'b:2'] });
    expect(JSON.stringify(shown)).not.toMatch(/pass-word|to-ken/);
  });
});

describe('a setting in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is read from the file that NAME_FILE names, without its last line end', () => {
    const path = join(folder, 'token');
    writeFileSync(path, 'from a file\n');
    expect(readSettings(spec, { ...right, TOKEN: undefined, TOKEN_FILE: path }).TOKEN).toBe('from a file');
    expect(readSettings(spec, { ...right, TOKEN_FILE: path }).TOKEN).toBe('from a file');
  });

  it('is kept as it was, whatever becomes of it', () => {
    const path = join(folder, 'note');
    writeFileSync(path, 'as it was\n');
    const env = withFiles(spec, { ...right, NOTE_FILE: path });
    writeFileSync(path, 'changed\n');
    expect(readSettings(spec, env)).toMatchObject({ NOTE: 'as it was', PORT: 80 });
  });

  it('that is not there is a fault that names the variable', () =>
    expect(faults({ ...right, TOKEN: undefined, TOKEN_FILE: join(folder, 'none') })).toEqual([
      'TOKEN cannot be read from the file that TOKEN_FILE names',
    ]));
});
