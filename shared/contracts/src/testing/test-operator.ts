import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import { nkeys } from 'nats';

const unlimited = {
  conn: -1,
  leaf: -1,
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
};

/** An operator of NATS with one account, whose users log in with JWTs. */
export class TestOperator {
  private constructor(
    private readonly account: ReturnType<typeof nkeys.createAccount>,
    /** What a server needs, beside its other configuration. */
    readonly configuration: { operator: string; resolver: string; resolver_preload: Record<string, string> },
  ) {}

  static async create(): Promise<TestOperator> {
    const operator = nkeys.createOperator();
    const account = nkeys.createAccount();
    const jwt = await encodeAccount('fleet', account, { limits: unlimited }, { signer: operator });
    return new TestOperator(account, {
      operator: await encodeOperator('test', operator),
      resolver: 'MEMORY',
      resolver_preload: { [account.getPublicKey()]: jwt },
    });
  }

  /** Credentials of a new user. @param validMs how long its JWT is valid; it ends on a full second */
  async credentials(validMs = 3_600_000): Promise<string> {
    const user = nkeys.createUser();
    const exp = Math.floor((Date.now() + validMs) / 1_000);
    const jwt = await encodeUser('device', user, this.account, {}, { exp });
    return Buffer.from(fmtCreds(jwt, user)).toString('latin1');
  }

  /** Writes credentials, closed to other users. */
  static async write(folder: string, name: string, content: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }
}
