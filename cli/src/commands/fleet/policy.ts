import { type ChangedPolicy, gapText, type PolicyGap, type PolicyView } from '@offramp/controller';
import { defineConfig, OfframpError } from '@offramp/runtime';
import { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { bundleText, bundleWarnings, describePolicy, formatHistory } from '../../fleet/render-policy.js';
import { formatAuditRate, printable } from '../../fleet/text.js';
import { outputIsStyled } from '../../painter.js';
import { byOf, byOptions } from './by-options.js';
import { controllerOptions, printJson, withController } from './controller-options.js';
import { nobodyOnline } from './nobody-online.js';

const askDefinition = defineConfig('fleet', controllerOptions);

const setDefinition = defineConfig('fleet', {
  threshold: z
    .number()
    .min(0)
    .optional()
    .describe('One threshold for every branch; 0: every sample exits there, above 1: none does'),
  thresholds: z.array(z.number().min(0)).optional().describe('One threshold per branch'),
  bundle: z.string().optional().meta({
    description:
      'Bundle that the thresholds are for: its digest, or the first 8 digits or more; any: all bundles with this number of branches',
    fallback: 'the one that most devices run',
  }),
  auditRate: z.number().min(0).max(1).optional().meta({
    description:
      'Share of samples that also run on to the final exit, to check whether early answers agree with it',
    fallback: 'as in the newest policy, or none',
  }),
  maxAuditBytesPerHour: z.number().int().min(0).optional().meta({
    description: 'Bytes of tensors that audits of one device may send in an hour',
    fallback: 'as in the newest policy, or 16 MiB',
  }),
  expectVersion: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("Set this policy only if the group's newest one has this number; 0: any"),
  ...byOptions,
  ...controllerOptions,
});

export function policyCommand(): Command {
  return new Command('policy')
    .description('Read and set the policy that a group of devices follows')
    .addCommand(getCommand())
    .addCommand(setCommand())
    .addCommand(historyCommand());
}

function getCommand(): Command {
  return configCommand('get <group>', "Print a group's policy", askDefinition, (config, group = '') =>
    withController(config, async (client) => {
      const policy = await client.getPolicy(group);
      if (config.json) {
        printJson(policy);
        return;
      }
      if (!policy) {
        console.log(noPolicy(group));
        return;
      }
      // Only a canary's reach depends on which devices there are.
      const devices = policy.canary ? (await client.listDevices(group)).devices : [];
      const names = devices.map(({ device }) => device);
      const { policyGaps } = await client.getStatus(group);
      console.log([describePolicy(policy, names), ...policyGaps.map(gapLine)].join('\n'));
    }),
  );
}

function setCommand(): Command {
  return configCommand(
    'set <group>',
    'Set thresholds or audits of a group; its devices get them at once',
    setDefinition,
    async (config, group = '') => {
      const { auditRate, maxAuditBytesPerHour } = config;
      const audits = {
        ...(auditRate === undefined ? {} : { auditRate }),
        ...(maxAuditBytesPerHour === undefined ? {} : { maxAuditBytesPerHour }),
      };
      const thresholds = thresholdsOf(config.threshold, config.thresholds, Object.keys(audits).length > 0);
      await withController(config, async (client) => {
        const set = await client.setPolicy(group, {
          ...thresholds,
          ...(config.bundle === undefined ? {} : { bundle: config.bundle }),
          ...audits,
          ...byOf(config),
          expectedVersion: config.expectVersion,
        });
        if (config.json) {
          printJson(set);
          return;
        }
        const { policy, onlineDevices } = set;
        const devices = `${onlineDevices} ${onlineDevices === 1 ? 'device' : 'devices'} online`;
        console.log(
          `group ${group}: policy ${policy.version}, thresholds ${policy.thresholds.join(' ')} for ${bundleText(policy)}, ${auditsOf(policy)}${devices}`,
        );
        for (const warning of warningsOf(set)) console.error(`warning: ${warning}`);
      });
    },
  );
}

/** Warnings about possible mistakes. */
function warningsOf(set: ChangedPolicy): string[] {
  const { group, thresholds } = set.policy;
  const never = thresholds.filter((threshold) => threshold > 1).length;
  return [
    ...(never > 0 ? [`${never} of ${thresholds.length} thresholds are above 1: no sample exits there`] : []),
    ...(set.onlineDevices === 0 ? [nobodyOnline(group)] : []),
    ...bundleWarnings(set),
  ];
}

function historyCommand(): Command {
  return configCommand(
    'history <group>',
    "List a group's policies, oldest first",
    askDefinition,
    (config, group = '') =>
      withController(config, async (client) => {
        const history = await client.policyHistory(group);
        if (config.json) printJson(history);
        else console.log(history.length === 0 ? noPolicy(group) : formatHistory(history, outputIsStyled()));
      }),
  );
}

/** @param optional whether other fields are set, so that thresholds may be omitted */
function thresholdsOf(
  one: number | undefined,
  each: number[] | undefined,
  optional: boolean,
): { thresholds?: number[] } {
  if (one === undefined && each === undefined && optional) return {};
  if ((one === undefined) === (each === undefined)) {
    throw new OfframpError('USAGE', 'expected either --threshold or --thresholds', {
      hint: 'For example --threshold 0.9 for every branch, or --thresholds 0.9,0.8,0.7 with one per branch.',
    });
  }
  return { thresholds: each ?? [one as number] };
}

const gapLine = (gap: PolicyGap) => `! ${printable(gapText(gap))}`;

const auditsOf = ({ auditRate }: PolicyView) =>
  auditRate > 0 ? `audits of ${formatAuditRate(auditRate)}, ` : '';

const noPolicy = (group: string) =>
  `group ${group} has no policy; its devices follow the thresholds of their bundles`;
