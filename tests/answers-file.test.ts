import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bundle, elementsOf } from '@offramp/bundle';
import { expect, it, onTestFinished } from 'vitest';
import { agentArguments, CommandLine } from './support/command-line.js';
import { bundlePath, picturesPath, temporaryFolder } from './support/example.js';

const killsAfter = [1, 50, 120, 300];

it('kill -9 of the agent four times with one file of answers: all answers are there, and every line is whole', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const path = join(folder.path, 'answers.jsonl');
  const { input } = (await Bundle.open(bundlePath)).manifest;
  const tensor = Buffer.alloc(elementsOf(input.shape) * 4);
  const start = async () => {
    const agent = new CommandLine(
      ...agentArguments(bundlePath, '--answers', path, '--listen', '127.0.0.1:0'),
      ...['--source', picturesPath, '--loop'],
    );
    const [address = ''] = await agent.output(/http:\/\/[\d.]+:\d+/);
    await agent.output(/agent runs/);
    return { agent, address };
  };
  /** What clients were told, as text. */
  const told: string[] = [];
  /** @returns whether there was an answer */
  const classify = async (address: string) => {
    const headers = { 'content-type': 'application/x-offramp-tensor' };
    try {
      const response = await fetch(`${address}/v1/classify`, { method: 'POST', headers, body: tensor });
      const body = await response.text();
      if (response.status !== 200) return true;
      told.push(body);
      return true;
    } catch {
      return false;
    }
  };
  for (const after of killsAfter) {
    const { agent, address } = await start();
    const before = told.length;
    const client = async () => {
      while (await classify(address)) if (told.length - before >= after) void agent.kill();
    };
    await Promise.all(Array.from({ length: 8 }, client));
    expect((await agent.ended).status).toBeNull();
  }
  const { agent, address } = await start();
  expect(await classify(address)).toBe(true);
  expect((await agent.interrupt()).status).toBe(0);

  const lines = (await readFile(path, 'utf8')).split('\n');
  expect(lines.pop()).toBe('');
  for (const line of lines) expect(() => JSON.parse(line), line).not.toThrow();
  const written = new Set(lines);
  expect(told.filter((answer) => !written.has(answer))).toEqual([]);
  const starts = lines.filter((line) => JSON.parse(line).id === 1).length;
  expect(starts).toBe(killsAfter.length + 1);
});
