// Gives the panel's own token against forged forms to the forms that lack it.
(function () {
    'use strict';
    var token = document.querySelector('meta[name="forgery_protection_token"]');
    document.querySelectorAll('.pg input[name="forgery_protection_token"]').forEach(function (field) {
        if (field.value === '' && token) {
            field.value = token.getAttribute('content');
        }
    });
}());
