import { Command } from 'commander';
import { evidenceCommand } from './evidence.js';
import { lsCommand } from './ls.js';
import { policyCommand } from './policy.js';
import { topCommand } from './top.js';

export function fleetCommand(): Command {
  return new Command('fleet')
    .description('Look at the devices and set their policies, through the controller')
    .addCommand(lsCommand())
    .addCommand(topCommand())
    .addCommand(policyCommand())
    .addCommand(evidenceCommand());
}
