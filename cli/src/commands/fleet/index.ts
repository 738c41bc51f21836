import { Command } from 'commander';
import { enrollCommand, initCommand, renewCommand, requestCommand, revokeCommand } from './authority.js';
import { bundleCommand } from './bundle.js';
import { eventsCommand } from './events.js';
import { evidenceCommand } from './evidence.js';
import { explainCommand } from './explain.js';
import { goalCommand } from './goal.js';
import { lsCommand } from './ls.js';
import { freezeCommand, resumeCommand, rollbackCommand } from './mode.js';
import { policyCommand } from './policy.js';
import { topCommand } from './top.js';

export function fleetCommand(): Command {
  return new Command('fleet')
    .description(
      'Show devices, set their goals and policies through the controller, and say who belongs to the fleet',
    )
    .addCommand(lsCommand())
    .addCommand(topCommand())
    .addCommand(policyCommand())
    .addCommand(evidenceCommand())
    .addCommand(goalCommand())
    .addCommand(explainCommand())
    .addCommand(freezeCommand())
    .addCommand(resumeCommand())
    .addCommand(rollbackCommand())
    .addCommand(eventsCommand())
    .addCommand(bundleCommand())
    .addCommand(initCommand())
    .addCommand(requestCommand())
    .addCommand(enrollCommand())
    .addCommand(renewCommand())
    .addCommand(revokeCommand());
}
