// Each line names a script to deploy.
import './demo/syncs/tasks.js';
import './demo/actions/create-task.js';
