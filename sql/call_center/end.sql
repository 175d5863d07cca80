END
$install$;

COMMENT ON FUNCTION @extschema@.cache_install_call_center(regnamespace, text) IS
    'declare the call-centre caches over the tables of an application''s schema';
