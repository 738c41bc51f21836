import { type GroupStatus, gapText } from '@offramp/controller';
import { defineConfig, shortDigest } from '@offramp/runtime';
import type { Command } from 'commander';
import { configCommand } from '../../config-command.js';
import { formatAuditRate, formatTime, printable } from '../../fleet/text.js';
import { terminalWidth } from '../../painter.js';
import { wrapLine } from '../../wrap-lines.js';
import { controllerOptions, printJson, withController } from './controller-options.js';

const definition = defineConfig('fleet', controllerOptions);

export function explainCommand(): Command {
  return configCommand(
    'explain <group>',
    'Explain why the thresholds of a group are what they are',
    definition,
    (config, group = '') =>
      withController(config, async (client) => {
        const status = await client.getStatus(group);
        if (config.json) printJson(status);
        else console.log(describeStatus(status, terminalWidth()).join('\n'));
      }),
  );
}

/** @param width to which sentences are wrapped; `null`: not at all */
function describeStatus(status: GroupStatus, width: number | null): string[] {
  const { group, mode, policyVersion, thresholds, auditRate, bundleDigest, decidedAt } = status;
  const policy = policyVersion === 0 ? 'no policy' : `policy ${policyVersion}`;
  const sentences = status.explanation.map(printable);
  const problem = status.problem && !sentences.includes(status.problem) ? [printable(status.problem)] : [];
  return [
    `group ${group}: ${policy}, mode ${mode}`,
    ...(thresholds.length > 0
      ? [`thresholds  ${thresholds.map((threshold) => Number(threshold.toPrecision(6))).join(' ')}`]
      : []),
    `audits      ${formatAuditRate(auditRate)}`,
    ...(bundleDigest ? [`bundle      ${shortDigest(bundleDigest)}`] : []),
    ...(decidedAt ? [`decided     ${formatTime(decidedAt)}`] : []),
    '',
    ...[...problem, ...status.policyGaps.map((gap) => printable(gapText(gap))), ...sentences].map(
      (sentence) => wrapLine(sentence, width, ''),
    ),
  ];
}
