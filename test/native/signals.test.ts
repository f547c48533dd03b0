import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly said: string[];
}

/** Starts the fixture and sends the signal once it is ready. */
function endBy(signal: NodeJS.Signals, mode: string, listen: string): Promise<Ending> {
  return new Promise((resolve) => {
    const file = fileURLToPath(new URL('fixtures/signals.mjs', import.meta.url));
    const child = spawn(process.execPath, [file, mode, signal, listen], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const wasReady = stdout.includes('ready');
      stdout += chunk;
      if (!wasReady && stdout.includes('ready') && mode !== 'end') setTimeout(() => child.kill(signal), 50);
    });
    child.on('close', (code, killedBy) => {
      resolve({ code, signal: killedBy, said: stdout.trim().split('\n').slice(1) });
    });
  });
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s, watched natively', (signal) => {
  it('is told, then kills an idle app that does not listen', async () => {
    expect(await endBy(signal, 'idle', 'none')).toEqual({
      code: null,
      signal,
      said: [`told ${signal} false`],
    });
  });

  it('kills an app in a synchronous loop that does not listen, told before', async () => {
    expect(await endBy(signal, 'busy', 'none')).toEqual({
      code: null,
      signal,
      said: [`told ${signal} false`],
    });
  });

  it('is told first and then left to an app that listens', async () => {
    expect(await endBy(signal, 'idle', 'on')).toEqual({
      code: 7,
      signal: null,
      said: [`told ${signal} true`, 'app'],
    });
  });

  it('does not disturb the synchronous loop of an app that listens', async () => {
    const said = ['loop over', `told ${signal} true`, 'app'];
    expect(await endBy(signal, 'busy', 'on')).toEqual({ code: 7, signal: null, said });
  });

  it('lets an app that listens once clean up and kill itself', async () => {
    const said = [`told ${signal} true`, 'app', `told ${signal} false`];
    expect(await endBy(signal, 'idle', 'once')).toEqual({ code: null, signal, said });
  });

  it('has its plain effect after unwatchSignals()', async () => {
    expect(await endBy(signal, 'idle', 'unwatched')).toEqual({ code: null, signal, said: [] });
  });

  it('keeps no process alive', async () => {
    expect(await endBy(signal, 'end', 'none')).toEqual({ code: 0, signal: null, said: [] });
  });
});
