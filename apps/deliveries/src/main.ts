import { startDeliveries } from './start.js';

void startDeliveries();
