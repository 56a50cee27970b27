import type {Route} from '../service/service.ts';
import type {SignalExchange} from './exchange.ts';

/** Rooms shown at once, and thereby their members. */
const ROOMS_SHOWN = 500;

/** `GET /signal/rooms`: who is where, and how far; nothing of what they tell each other. */
export function signalRoutes({hub}: SignalExchange): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/signal/rooms',
      access: 'admin',
      handle: () => ({
        json: {
          rooms: hub.roomCount,
          connections: hub.sessions.size,
          draining: hub.draining,
          shown: hub.view(ROOMS_SHOWN),
        },
      }),
    },
  ];
}
