import { createOnEvent } from 'causeway';

import { restAPI } from '../site.js';

export default createOnEvent({
    event: 'post-connection-creation',
    description: 'Notes the cloud id of the site that a new connection reaches',

    exec: async (nango) => {
        await restAPI(nango);
    }
});
