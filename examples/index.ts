import './github/syncs/issues.js';
import './github/actions/create-issue.js';
import './hubspot/syncs/contacts.js';
import './slack/actions/send-message.js';
