export { type AgentDependencies, startAgent } from './agent.js';
export type { Answer, FailedAnswer } from './answer.js';
export { type AgentConfig, agentConfig, agentHeapGrowthPercent } from './config.js';
export type { Agent } from './run-agent.js';
export type { AgentPhase, AgentStatus } from './status.js';
export type { Summary } from './summary.js';
