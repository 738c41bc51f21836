import { Command } from 'commander';
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
    .description('Show devices, and set their goals and policies, through the controller')
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
    .addCommand(bundleCommand());
}
