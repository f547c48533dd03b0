import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimPlace, profilePath, writeProfile } from '../../src/register/profile-files.js';

/** Of the disk, in bytes; a file that needs more is left cut off, as on a full disk. */
const disk = vi.hoisted(() => ({ leftBytes: Number.POSITIVE_INFINITY, listings: 0 }));
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  return {
    ...fs,
    readdirSync(path: string) {
      disk.listings++;
      return fs.readdirSync(path);
    },
    writeFileSync(path: string, text: string, how?: object) {
      fs.writeFileSync(path, text.slice(0, disk.leftBytes), how);
      if (text.length > disk.leftBytes)
        throw Object.assign(new Error('ENOSPC: disk full'), { code: 'ENOSPC' });
    },
  };
});
afterEach(() => {
  disk.leftBytes = Number.POSITIVE_INFINITY;
});

const root = mkdtempSync(join(tmpdir(), 'rolp-files-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(root, 'case-'));
});
const read = (name: string) => readFileSync(join(directory, name), 'utf8');

describe('profile files', () => {
  it('go by process and thread, and a write replaces the thread’s own file', () => {
    const place = claimPlace(directory, 7, 0, 'first');
    expect(read('rolp-7-0.json')).toBe('first');
    writeProfile(place, 0, 'second');
    writeProfile(place, 3, 'worker');
    expect(read('rolp-7-0.json')).toBe('second');
    expect(readdirSync(directory).sort()).toEqual(['rolp-7-0.json', 'rolp-7-3.json']);
  });

  it('are never written over those of another process with the same pid', () => {
    const first = claimPlace(directory, 1, 0, 'one');
    const second = claimPlace(directory, 1, 0, 'two');
    const third = claimPlace(directory, 1, 0, 'three');
    expect([first, second, third].map(({ suffix }) => suffix)).toEqual(['', '-2', '-3']);
    writeProfile(second, 4, 'worker of two');
    expect(readdirSync(directory).sort()).toEqual([
      'rolp-1-0-2.json',
      'rolp-1-0-3.json',
      'rolp-1-0.json',
      'rolp-1-4-2.json',
    ]);
    expect([read('rolp-1-0.json'), read('rolp-1-0-2.json')]).toEqual(['one', 'two']);
  });

  it('leave a worker’s file of a process that is gone alone, even if its main file was deleted', () => {
    writeFileSync(join(directory, 'rolp-1-5.json'), 'old');
    expect(claimPlace(directory, 1, 0, 'new').suffix).toBe('-2');
    // Another pid that begins with the same digit is another process.
    expect(claimPlace(directory, 11, 0, 'new').suffix).toBe('');
  });

  it('find a name among those of many earlier processes in one look at the directory', () => {
    for (let i = 2; i <= 50; i++) writeFileSync(join(directory, `rolp-1-${i % 3}-${i}.json`), '');
    writeFileSync(join(directory, 'rolp-1-0.json'), '');
    disk.listings = 0;
    expect(claimPlace(directory, 1, 0, 'new').suffix).toBe('-51');
    expect(disk.listings).toBe(1);
  });

  it('are drawn up beside and never left half', () => {
    const place = claimPlace(directory, 7, 0, 'whole');
    rmSync(profilePath(place, 0));
    mkdirSync(profilePath(place, 0));
    expect(() => writeProfile(place, 0, 'x')).toThrow();
    expect(readdirSync(directory)).toEqual(['rolp-7-0.json']);
  });

  it('leave nothing of themselves on a full disk, and what was there before', () => {
    const place = claimPlace(directory, 7, 0, 'before');
    disk.leftBytes = 3;
    // The system's own words name neither.
    expect(() => writeProfile(place, 0, 'too long')).toThrow(`${profilePath(place, 0)}: ENOSPC`);
    expect(() => claimPlace(directory, 8, 0, 'too long')).toThrow(`${directory} (ROLP_OUT_DIR): ENOSPC`);
    expect(readdirSync(directory)).toEqual(['rolp-7-0.json']);
    expect(read('rolp-7-0.json')).toBe('before');
  });

  it('name the directory when it cannot be made', () => {
    writeFileSync(join(directory, 'file'), '');
    expect(() => claimPlace(join(directory, 'file', 'deep'), 7, 0, '')).toThrow(/file/);
  });
});
