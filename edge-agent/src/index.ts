export {
  type Agent,
  type AgentConfig,
  type AgentSurroundings,
  startAgent,
} from './agent.js';
export type { Answer, FailedAnswer } from './answer.js';
export { agentConfig } from './config.js';
export type { AgentPhase, AgentStatus } from './status.js';
export type { Summary } from './summary.js';
