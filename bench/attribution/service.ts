/** The search service in this process, driven by injected requests. */

interface Injected {
  readonly statusCode: number;
  readonly body: string;
}
interface Service {
  readonly dictionary: { load(): Promise<void> };
  inject(request: object): Promise<Injected>;
}
interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}
interface Maker {
  next(): Request;
  sessionCreated(id: string): void;
}

const BATCH = 20;
const folder = new URL('../../../workloads/search-service/', import.meta.url);

/**
 * Starts the service and has it index.
 * @returns sends the next requests of the seed's stream, and tells how many they were when all are answered.
 */
export async function startService(seed: number): Promise<() => Promise<number>> {
  const { buildServer } = (await import(new URL('server.js', folder).href)) as { buildServer(): Service };
  const { requestMaker } = (await import(new URL('drive.js', folder).href)) as {
    requestMaker(seed: number): Promise<Maker>;
  };
  const app = buildServer();
  await app.dictionary.load();
  const maker = await requestMaker(seed);
  return async () => {
    await Promise.all(Array.from({ length: BATCH }, () => request(app, maker)));
    // Timers and the rest of the loop get their turn, as in a server.
    await new Promise((resolve) => setImmediate(resolve));
    return BATCH;
  };
}

async function request(app: Service, maker: Maker): Promise<void> {
  const { method, path, headers, body } = maker.next();
  const answer = await app.inject({
    method,
    url: path,
    headers,
    ...(body === undefined ? {} : { payload: body }),
  });
  if (answer.statusCode === 201) maker.sessionCreated((JSON.parse(answer.body) as { id: string }).id);
}
