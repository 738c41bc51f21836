import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus, telemetrySubject, v1 } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { type Controller, ControllerClient, controllerConfig, startController } from '@offramp/controller';
import { createLogger, resolveConfig } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumFlags, findChromium } from './support/chromium.js';
import { temporaryFolder } from './support/example.js';

const executablePath = findChromium();
const isMissing = executablePath === null && process.env.CI !== 'true';
if (isMissing) {
  console.warn("skipped: the dashboard in a browser: it needs Debian's chromium, or OFFRAMP_CHROMIUM");
}

const silent = createLogger('test', 'silent');
const eventually = { timeout: 60_000, interval: 50 };
const waitMs = 60_000;
/** Kept for inspection after the test. */
const screenshots = join(tmpdir(), 'offramp-screenshots');

interface Reported {
  group: string;
  device: string;
  sequence?: number;
  /** 3: stopped. */
  lifecycle?: number;
  exits?: number[];
  degraded?: number;
}

describe.skipIf(isMissing)('the dashboard', { timeout: 240_000 }, () => {
  let browser: Browser | null = null;
  let nats: NatsServer;
  let bus: NatsConnection;
  let client: ControllerClient;
  let cleanUps: (() => Promise<unknown>)[] = [];
  /** Errors from the pages' consoles. */
  let problems: string[];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath ?? 'chromium', args: chromiumFlags });
    await mkdir(screenshots, { recursive: true });
  });

  afterAll(() => browser?.close());

  beforeEach(async () => {
    problems = [];
    nats = await startNatsServer();
    cleanUps = [() => nats.stop()];
    bus = await connectBus({ url: nats.url, name: 'test' });
    cleanUps.push(() => bus.close());
    client = new ControllerClient(bus, { timeoutMs: 20_000 });
  });

  afterEach(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  async function start(flags: Record<string, unknown> = {}): Promise<Controller> {
    const listening = { nats: nats.url, listen: '127.0.0.1:0', ...flags };
    const controller = await startController(await resolveConfig(controllerConfig, listening, {}), silent);
    controller.done.catch(() => undefined);
    cleanUps.push(() => controller.stop());
    return controller;
  }

  /** Publishes a report without waiting, so that many reports take little time. */
  function report({
    group,
    device,
    sequence = 1,
    lifecycle = 1,
    exits = [70, 20, 10],
    degraded = 0,
  }: Reported): void {
    const samples = exits.reduce((sum, answers) => sum + answers, 0);
    const offloaded = exits.at(-1) ?? 0;
    const message = v1.TelemetryReport.encode({
      ...{ device, group, bootId: 'boot', sequence, windowMs: 600_000 },
      state: {
        ...{ lifecycle, agentVersion: '0.1.0', bundleDigest: Buffer.alloc(32, 7), bundleName: 'shoes' },
        ...{ branches: 2, deviceStages: 2, thresholds: [0.9, 0.8], cloudLink: 2 },
      },
      window: { samples, exits, offloaded, degraded, offloadBytes: offloaded * 3_200 },
    });
    bus.publish(telemetrySubject(group, device), message.finish());
  }

  async function open(controller: Controller, hash = '', options: BrowserContextOptions = {}): Promise<Page> {
    const context = await (browser as Browser).newContext(options);
    cleanUps.push(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(waitMs);
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`${controller.httpAddress}/${hash}`);
    return page;
  }

  const isWiderThanScreen = (page: Page) =>
    page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');

  it('shows the fleet, and updates it live', async () => {
    const controller = await start();
    for (const device of ['cam-1', 'cam-2', 'cam-3']) report({ group: 'cameras', device });
    const page = await open(controller);
    await page.getByText('3 of 3 devices are online').waitFor();
    await page.getByRole('status').getByText('Live').waitFor();
    report({ group: 'cameras', device: 'cam-4', lifecycle: 3 });
    report({ group: 'doors', device: 'door-1' });
    await page.getByText('4 of 5 devices are online, in 2 groups').waitFor();
    await page
      .getByRole('link', { name: /^cameras/ })
      .first()
      .click();
    await page.getByRole('heading', { level: 1, name: 'cameras' }).waitFor();
    await page.getByRole('img', { name: '4 devices of cameras: 1 offline, 3 ok' }).waitFor();
    await page.getByText('exit 0 70.0 %').waitFor();
    report({ group: 'cameras', device: 'cam-1', sequence: 2, exits: [0, 0, 400] });
    await page.getByText('exit 0 35.0 %').waitFor();
    expect(problems).toEqual([]);
  });

  it('shows one device beside its group, and restores the focus', async () => {
    const controller = await start();
    report({ group: 'cameras', device: 'cam-1', exits: [30, 20, 10] });
    const page = await open(controller, '#/groups/cameras');
    report({ group: 'cameras', device: 'cam-2' });
    await page.getByText('2 of 2 devices online').waitFor();
    const search = page.getByRole('searchbox', { name: 'Find a device' });
    await search.fill('CAM-2');
    await search.press('Enter');
    const other = page.getByRole('dialog', { name: 'Device cam-2' });
    await other.waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { includeHidden: true }).waitFor({ state: 'detached' });
    await search.fill('1');
    await page.getByRole('link', { name: 'cam-1' }).press('Enter');
    const drawer = page.getByRole('dialog', { name: 'Device cam-1' });
    await drawer.getByText('60 since it started').waitFor();
    await drawer.getByText('final exit 16.7 %').waitFor();
    await page.screenshot({ path: join(screenshots, 'device.png') });
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });
    await expect.poll(() => page.evaluate('document.activeElement?.textContent'), eventually).toBe('cam-1');
    await expect.poll(() => page.evaluate('location.hash'), eventually).toBe('#/groups/cameras');
    await page.getByRole('link', { name: 'cam-1' }).press('Enter');
    await drawer.getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => page.evaluate('document.activeElement?.textContent'), eventually).toBe('cam-1');
    await expect.poll(() => page.evaluate('location.hash'), eventually).toBe('#/groups/cameras');
    expect(problems).toEqual([]);
  });

  it('lets goals be set with the keyboard alone', async () => {
    const controller = await start();
    report({ group: 'cameras', device: 'cam-1' });
    const page = await open(controller, '#/groups/cameras');
    await page.getByRole('button', { name: 'Set goals' }).waitFor();
    const focused = () =>
      page.evaluate<string>(
        `(({ activeElement: at }) => at?.getAttribute('aria-label') ?? at?.labels?.[0]?.textContent ?? at?.textContent ?? '')(document)`,
      );
    const tabTo = async (what: RegExp) => {
      const passed: string[] = [];
      while (!what.test(passed.at(-1) ?? '')) {
        if (passed.length > 100) throw new Error(`no way to ${what} by Tab: ${passed.join(' | ')}`);
        await page.keyboard.press('Tab');
        passed.push(await focused());
      }
    };
    await tabTo(/^Agreement$/);
    await page.keyboard.press('Space');
    await tabTo(/^Agreement: at least/);
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('97.5');
    await tabTo(/^Your name/);
    await page.keyboard.type('ada');
    await tabTo(/^Why/);
    await page.keyboard.type('first goal');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('The goals are set: agreement at least 97.5 %.').waitFor();
    await page.getByText('last set by ada').waitFor();
    const goals = await (await fetch(`${controller.httpAddress}/v1/groups/cameras/goals`)).json();
    expect(goals).toMatchObject({
      goals: [{ kind: 'agreement', floor: 0.975 }],
      ...{ author: 'ada', reason: 'first goal' },
    });
    expect(await focused()).toBe('Set goals');
    await tabTo(/^Freeze$/);
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Freeze cameras' });
    await dialog.waitFor();
    // The name is known, so the focus is on the reason.
    await expect.poll(focused, eventually).toBe('Why');
    expect(await dialog.getByLabel('Your name').inputValue()).toBe('ada');
    await page.keyboard.type('a visit');
    await page.keyboard.press('Enter');
    await page.locator('button[aria-pressed=true]', { hasText: 'Freeze' }).waitFor();
    await dialog.waitFor({ state: 'detached' });
    await expect.poll(focused, eventually).toBe('Freeze');
    const frozen = await (await fetch(`${controller.httpAddress}/v1/groups/cameras/goals`)).json();
    expect(frozen).toMatchObject({ mode: 'frozen', author: 'ada', reason: 'a visit' });
    await page.getByRole('navigation').getByText('frozen').waitFor();
    await page.screenshot({ path: join(screenshots, 'frozen.png') });
    expect(problems).toEqual([]);
  });

  it('asks instead of setting an agreement that is entered as a share', async () => {
    const controller = await start();
    report({ group: 'cameras', device: 'cam-1' });
    const page = await open(controller, '#/groups/cameras');
    await page.getByRole('checkbox', { name: 'Agreement' }).check();
    const field = page.getByRole('spinbutton', { name: /^Agreement/ });
    await field.fill('0.98');
    await page.getByRole('button', { name: 'Set goals' }).press('Enter');
    const question = page.getByRole('alert').filter({ hasText: 'Did you mean 98 %?' });
    await question.waitFor();
    const label = () => page.evaluate("document.activeElement?.getAttribute('aria-label')");
    await expect.poll(label, eventually).toMatch(/^Agreement: at least/);
    await page.screenshot({ path: join(screenshots, 'question.png'), fullPage: true });
    await field.fill('0.97');
    await question.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Set goals' }).press('Enter');
    await page.getByRole('button', { name: 'Make it 97 %' }).press('Enter');
    expect(await field.inputValue()).toBe('97');
    await page.getByRole('button', { name: 'Set goals' }).press('Enter');
    await page.getByText('The goals are set: agreement at least 97 %.').waitFor();
    const goals = await (await fetch(`${controller.httpAddress}/v1/groups/cameras/goals`)).json();
    expect(goals).toMatchObject({ goals: [{ kind: 'agreement', floor: 0.97 }] });
    expect(problems).toEqual([]);
  });

  it('says that degraded answers are not in the agreement', async () => {
    const controller = await start();
    report({ group: 'cameras', device: 'cam-1', exits: [60, 20, 20], degraded: 6 });
    const page = await open(controller, '#/groups/cameras');
    await page.getByText('degraded answers not included').waitFor();
    await page.getByText('6.0 % of answers in the last minutes are degraded').waitFor();
    await page.screenshot({ path: join(screenshots, 'degraded.png'), fullPage: true });
    await page.getByRole('link', { name: 'All groups' }).click();
    await page.getByRole('main').getByText('6.0 % degraded').waitFor();
    await page.screenshot({ path: join(screenshots, 'degraded-fleet.png') });
  });

  it('shows what each policy changed, and rolls back', async () => {
    const controller = await start();
    report({ group: 'cameras', device: 'cam-1' });
    await client.setPolicy('cameras', { thresholds: [0.95, 0.9], author: 'ada', reason: 'to start with' });
    await client.setPolicy('cameras', { thresholds: [0.5, 0.9], author: 'bob', reason: 'daring' });
    const page = await open(controller, '#/groups/cameras');
    const entry = (version: string) =>
      page.getByRole('listitem').filter({ has: page.getByText(version, { exact: true }) });
    await entry('2').filter({ hasText: 'threshold of branch 0 0.95 → 0.5' }).waitFor();
    await page.screenshot({ path: join(screenshots, 'policies.png'), fullPage: true });
    await page
      .getByRole('button', { name: /^Roll back to policy 1, of .* with thresholds 0.95, 0.9$/ })
      .click();
    const dialog = page.getByRole('dialog', { name: 'Roll back to policy 1' });
    await dialog.getByLabel('Your name').fill('eve');
    await dialog.getByLabel('Why').fill('too daring');
    await dialog.getByRole('button', { name: 'Roll back' }).click();
    await dialog.waitFor({ state: 'detached' });
    await entry('3').filter({ hasText: 'threshold of branch 0 0.5 → 0.95' }).waitFor();
    expect(await client.getPolicy('cameras')).toMatchObject({
      ...{
        version: 3,
        thresholds: [0.95, 0.9],
        author: 'eve',
        reason: expect.stringContaining('too daring'),
      },
    });
    expect(problems).toEqual([]);
  });

  it('shows that it is cut off, and reconnects by itself', async () => {
    const controller = await start();
    report({ group: 'cameras', device: 'cam-1' });
    const page = await open(controller);
    await page.getByRole('status').getByText('Live').waitFor();
    const { port } = new URL(controller.httpAddress ?? '');
    await controller.stop();
    await page.getByRole('status').getByText('Cut off').waitFor();
    await start({ listen: `127.0.0.1:${port}` });
    await page.getByRole('status').getByText('Live').waitFor();
    report({ group: 'cameras', device: 'cam-2' });
    await page.getByText('2 of 2 devices are online').waitFor();
  });

  it('removes an error from an outage of NATS', async () => {
    const controller = await start();
    report({ group: 'cameras', device: 'cam-1' });
    const page = await open(controller, '#/groups/cameras');
    const modes = page.getByRole('group', { name: 'Who sets the thresholds' });
    const freeze = modes.getByRole('button', { name: 'Freeze' });
    await freeze.waitFor();
    const before = await freeze.boundingBox();
    await nats.stop();
    await page.getByRole('status').getByText('The controller has lost NATS').waitFor();
    await freeze.click();
    const dialog = page.getByRole('dialog', { name: 'Freeze cameras' });
    await dialog.getByRole('button', { name: 'Freeze' }).click();
    const failure = dialog.getByRole('status').filter({ hasText: /\w/ });
    await failure.waitFor();
    await page.screenshot({ path: join(screenshots, 'nats-gone.png') });
    expect(await freeze.boundingBox()).toEqual(before);
    const back = await startNatsServer({ port: nats.port });
    cleanUps.push(() => back.stop());
    await page.getByRole('status').getByText('Live').waitFor();
    await failure.waitFor({ state: 'detached' });
  });

  it('asks for the token, and keeps it until the tab is closed', async () => {
    const folder = await temporaryFolder();
    cleanUps.push(folder.remove);
    const tokenFile = join(folder.path, 'token');
    await writeFile(tokenFile, 'correct-horse-battery-staple\n');
    const page = await open(await start({ tokenFile }));
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('the token is wrong').waitFor();
    await page.screenshot({ path: join(screenshots, 'token.png') });
    const focused = () => page.evaluate('document.activeElement?.labels?.[0]?.textContent');
    await expect.poll(focused, eventually).toBe('Token');
    await page.getByLabel('Token').fill('correct-horse-battery-staple');
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('Live').waitFor();
    await page.reload();
    await page.getByRole('status').getByText('Live').waitFor();
  });

  it('stays usable with 10,000 devices, in the dark and on a phone', async () => {
    const controller = await start();
    for (let i = 0; i < 10_000; i++) {
      const device = `cam-${String(i).padStart(5, '0')}`;
      report({ group: 'cameras', device, lifecycle: i % 50 === 7 ? 3 : 1 });
    }
    await bus.flush();
    const page = await open(controller, '#/groups/cameras', { viewport: { width: 1_280, height: 900 } });
    await page.getByText('9,800 of 10,000 devices online').waitFor();
    await page.getByRole('button', { name: '200 offline' }).click();
    await page.getByRole('link', { name: 'cam-00007' }).waitFor();
    await page.getByRole('button', { name: '200 offline' }).click();
    await page.screenshot({ path: join(screenshots, '10000-devices.png'), fullPage: true });

    // The map's cell of the last device.
    const canvas = page.getByRole('img', { name: /^10000 devices of cameras/ });
    await canvas.scrollIntoViewIfNeeded();
    const box = await canvas.boundingBox();
    await canvas.click({ position: { x: 2, y: (box?.height ?? 0) - 2 } });
    const drawer = page.getByRole('dialog', { name: /^Device cam-09/ });
    await drawer.getByText('100 since it started').waitFor();
    await page.keyboard.press('Escape');

    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await expect.poll(() => canvas.getAttribute('data-scheme'), eventually).toBe('dark');
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(18, 20, 23)');
    await page.screenshot({ path: join(screenshots, 'dark.png') });
    await page.setViewportSize({ width: 360, height: 740 });
    await expect.poll(() => isWiderThanScreen(page), eventually).toBe(false);
    await page.screenshot({ path: join(screenshots, 'phone.png'), fullPage: true });
    report({ group: 'cameras', device: 'cam-00007', sequence: 2 });
    await page.getByText('9,801 of 10,000 devices online').waitFor();
    expect(problems).toEqual([]);
  });
});
