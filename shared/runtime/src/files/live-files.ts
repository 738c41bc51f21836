import { isOfframpError, messageOf, OfframpError, toOfframpError } from '../errors/offramp-error.js';
import { LogOnce } from '../logs/log-once.js';
import type { Logger } from '../logs/logging.js';
import type { Clock } from '../time/clock.js';
import { readFile, readSecretFile } from './read-file.js';

/** A file whose content may be replaced while a program runs. */
export interface WatchedFile {
  path: string;
  maxBytes: number;
  /** Whether it must be closed to other users of the machine. */
  secret: boolean;
}

/** What to make of files. */
export interface LiveFilesMaker<Value> {
  /** Gets the contents in the order of the files; may throw an `OfframpError`. */
  make(contents: readonly Buffer[]): Value | Promise<Value>;
  /** What a person should do about a value in use: sentences, each of which is logged once. Default: nothing. */
  warnings?(value: Value): readonly string[];
}

/** Time between two looks at the files. Notices of the file system do not cross mounts, links and containers. */
const lookEveryMs = 1_000;

/**
 * What a program makes of files that are replaced while it runs, such as certificates. The files are read again every second. New
 * content that is not valid, such as a key whose certificate has not been written yet, changes nothing; it is logged when
 * it stays.
 */
export class LiveFiles<Value> {
  private readonly listeners: ((value: Value) => void)[] = [];
  private problem = '';
  private loggedProblem = '';
  private closed = false;
  private cancelLook: () => void = () => undefined;
  private readonly warned: LogOnce;

  private constructor(
    private readonly files: readonly WatchedFile[],
    private readonly maker: LiveFilesMaker<Value>,
    private contents: readonly Buffer[],
    private current: Value,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.warned = new LogOnce(logger);
    this.warn();
    this.lookLater();
  }

  /**
   * Reads the files for the first time. They are watched until {@link close}.
   * @throws OfframpError `FILE_NOT_FOUND`, `SECRET_EXPOSED`, and what `make` throws
   */
  static async open<Value>(
    files: readonly WatchedFile[],
    maker: LiveFilesMaker<Value>,
    clock: Clock,
    logger: Logger,
  ): Promise<LiveFiles<Value>> {
    const contents = await readAll(files);
    return new LiveFiles(files, maker, contents, await maker.make(contents), clock, logger);
  }

  get value(): Value {
    return this.current;
  }

  /** Calls back with each new value. */
  listen(listener: (value: Value) => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    this.closed = true;
    this.cancelLook();
  }

  private lookLater(): void {
    if (this.closed) return;
    this.cancelLook = this.clock.after(lookEveryMs, () => void this.look().then(() => this.lookLater()));
  }

  private async look(): Promise<void> {
    try {
      const contents = await readAll(this.files);
      if (!sameContents(contents, this.contents)) {
        const value = await this.maker.make(contents);
        if (this.closed) return;
        this.contents = contents;
        this.current = value;
        for (const listener of this.listeners) listener(value);
        this.logger.info({ files: this.files.map(({ path }) => path) }, 'read again: files have changed');
      }
      this.problem = '';
      this.loggedProblem = '';
    } catch (error) {
      this.notice(toOfframpError(error));
    }
    this.warn();
  }

  private warn(): void {
    for (const warning of this.maker.warnings?.(this.current) ?? []) {
      this.warned.log('warn', warning, {}, warning);
    }
  }

  /** Logs a problem that two looks in a row found, once. */
  private notice({ code, message }: OfframpError): void {
    if (message === this.problem && message !== this.loggedProblem) {
      this.loggedProblem = message;
      this.logger.warn({ code, reason: message }, 'files cannot be read again; keeping what they held');
    }
    this.problem = message;
  }
}

const sameContents = (left: readonly Buffer[], right: readonly Buffer[]) =>
  left.every((content, i) => right[i] !== undefined && content.equals(right[i]));

const readAll = (files: readonly WatchedFile[]) => Promise.all(files.map(readWatched));

async function readWatched({ path, maxBytes, secret }: WatchedFile): Promise<Buffer> {
  try {
    return await (secret ? readSecretFile(path, maxBytes) : readFile(path, { atMost: maxBytes }));
  } catch (cause) {
    if (isOfframpError(cause)) throw cause;
    throw new OfframpError('FILE_NOT_FOUND', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}
