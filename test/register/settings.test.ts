import { describe, expect, it } from 'vitest';
import { readSettings, SETTINGS, SettingError } from '../../src/register/settings.js';

describe('settings', () => {
  it('have defaults that pass their own checks', () => {
    expect(readSettings({})).toEqual({
      outDir: 'rolp-profiles',
      intervalBytes: 524_288,
      stackDepth: 16,
      attribution: { level: 'off', cycles: null },
      windowPauseMs: 100,
      autoWindows: 1,
      profileIn: '',
      include: [],
      exclude: [],
      budgetPercent: 1,
      reportPeriodMs: 60_000,
      signal: null,
      quiet: false,
      maxContexts: 5000,
      noAddon: false,
      pretenure: true,
    });
  });

  it('are read from the environment, an empty variable counting as none', () => {
    const settings = readSettings({
      ROLP_INTERVAL: '65536',
      ROLP_ATTRIBUTION: 'calls:64',
      ROLP_INCLUDE: 'minisearch, ./src',
      ROLP_REPORT_PERIOD: '0.5',
      ROLP_SIGNAL: 'SIGUSR2',
      ROLP_QUIET: '1',
      ROLP_BUDGET: '',
    });
    expect(settings).toMatchObject({
      intervalBytes: 65_536,
      attribution: { level: 'calls', cycles: 64 },
      include: ['minisearch', './src'],
      reportPeriodMs: 500,
      signal: 'SIGUSR2',
      quiet: true,
      budgetPercent: 1,
    });
  });

  it.each([
    ['ROLP_INTERVAL', '12x', 'ROLP_INTERVAL must be an integer, got "12x"'],
    ['ROLP_INTERVAL', '0', 'ROLP_INTERVAL must lie between 1024 and 1073741824, got 0'],
    ['ROLP_STACK_DEPTH', '1.5', 'ROLP_STACK_DEPTH must be an integer, got 1.5'],
    ['ROLP_ATTRIBUTION', 'full', 'ROLP_ATTRIBUTION must be off, sites, calls'],
    ['ROLP_ATTRIBUTION', 'calls:', 'ROLP_ATTRIBUTION must be off, sites, calls'],
    ['ROLP_ATTRIBUTION', 'calls:1:2', 'ROLP_ATTRIBUTION must be off, sites, calls'],
    ['ROLP_ATTRIBUTION', 'off:3', 'ROLP_ATTRIBUTION must be off, sites, calls'],
    ['ROLP_WINDOW_PAUSE_MS', '-1', 'ROLP_WINDOW_PAUSE_MS must lie between 0 and 60000, got -1'],
    ['ROLP_BUDGET', '101', 'ROLP_BUDGET must lie between 0 and 100, got 101'],
    ['ROLP_REPORT_PERIOD', 'soon', 'ROLP_REPORT_PERIOD must be a finite number, got "soon"'],
    ['ROLP_SIGNAL', 'SIGKILL', "ROLP_SIGNAL must be one of 'SIGUSR2'"],
    ['ROLP_QUIET', 'yes', "ROLP_QUIET must be one of '0', '1', got \"yes\""],
    ['ROLP_NO_ADDON', 'true', "ROLP_NO_ADDON must be one of '0', '1'"],
    ['ROLP_MAX_CONTEXTS', '3', 'ROLP_MAX_CONTEXTS must lie between 16'],
    ['ROLP_INCLUDE', 'a,,b', 'ROLP_INCLUDE must be a list'],
    ['ROLP_EXCLUDE', ',', 'ROLP_EXCLUDE must be a list'],
    ['ROLP_OUT_DIR', ' ', 'ROLP_OUT_DIR must name a directory'],
    ['ROLP_OUTDIR', 'profiles', 'ROLP_OUTDIR is no setting; did you mean ROLP_OUT_DIR?'],
    ['ROLP_INTERVALL', '4096', 'ROLP_INTERVALL is no setting; did you mean ROLP_INTERVAL?'],
  ])('refuse %s=%s by name', (env, value, message) => {
    expect(() => readSettings({ [env]: value })).toThrow(SettingError);
    expect(() => readSettings({ [env]: value })).toThrow(message);
  });

  it('leave alone what is spelt like none of them', () => {
    expect(readSettings({ ROLP_HOME: '/srv', ROLP_TEST_SEED: '1', INTERVAL: 'x' })).toEqual(readSettings({}));
  });

  it('cover every row of the table with one name each in environment and command line', () => {
    expect(new Set(SETTINGS.map(({ env }) => env)).size).toBe(SETTINGS.length);
    expect(new Set(SETTINGS.map(({ option }) => option)).size).toBe(SETTINGS.length);
  });
});
