import {
  type ControllerEndpoint,
  controllerEndpoints,
  controllerService,
  controllerSubject,
} from '@offramp/contracts';
import { type Logger, messageOf, OfframpError, offrampVersion } from '@offramp/runtime';
import type { NatsConnection, Service, ServiceMsg } from 'nats';
import type { Operations } from '../operations/operations.js';
import { respondWithError } from './service-error.js';
import { type Translation, translations } from './translations.js';

export interface EndpointsOptions {
  bus: NatsConnection;
  operations: Operations;
  logger: Logger;
  /** Shown by `nats micro stats`. */
  statistics(): Readonly<Record<string, number>>;
}

const maxRequestsInFlight = 256;
/** Room for a reply's headers and the fields besides its devices. */
const replyOverheadBytes = 4_096;

/** The operations as a NATS service, which `nats micro` can inspect. */
export class Endpoints {
  private service: Service | null = null;
  private readonly inFlight = new Set<Promise<void>>();

  constructor(private readonly options: EndpointsOptions) {}

  /** Resolves when requests are answered. */
  async start(): Promise<void> {
    const { bus, operations, statistics } = this.options;
    const service = await bus.services.add({
      name: controllerService,
      version: offrampVersion,
      description: 'The register of an Offramp fleet, and its policies',
      statsHandler: async () => statistics(),
    });
    const group = service.addGroup(controllerSubject);
    const maxReplyBytes = () => (bus.info?.max_payload ?? 2 ** 20) - replyOverheadBytes;
    const all = Object.entries(translations(operations, maxReplyBytes)) as [
      ControllerEndpoint,
      Translation,
    ][];
    for (const [endpoint, translate] of all) {
      const subject = controllerEndpoints[endpoint];
      group.addEndpoint(subject.replaceAll('.', '-'), {
        subject,
        handler: (error, message) => {
          if (!error) this.serve(message, translate);
        },
      });
    }
    this.service = service;
    await bus.flush(); // From here on, requests are received.
  }

  /** Stops receiving requests, and answers those received. */
  async stop(): Promise<void> {
    await this.service?.stop();
    await Promise.all(this.inFlight);
  }

  private serve(message: ServiceMsg, translate: Translation): void {
    if (this.inFlight.size >= maxRequestsInFlight) {
      const error = new OfframpError(
        'OVERLOADED',
        `the controller already has ${maxRequestsInFlight} requests in progress`,
      );
      respondWithError(message, error);
      return;
    }
    const served = translate(message.data)
      .then((data) => {
        message.respond(data);
      })
      .catch((error: unknown) => {
        this.options.logger.debug({ subject: message.subject, error: messageOf(error) }, 'request refused');
        respondWithError(message, error);
      })
      .catch((error: unknown) => {
        this.options.logger.warn({ subject: message.subject, error: messageOf(error) }, 'cannot reply');
      })
      .finally(() => this.inFlight.delete(served));
    this.inFlight.add(served);
  }
}
