#include "pg/base/expression_text.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "parser/parser.h"
}

namespace cache_ext::pg {

Node* one_expression(const char* text) {
    List* statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
    auto* select = reinterpret_cast<SelectStmt*>(static_cast<RawStmt*>(linitial(statements))->stmt);
    if (list_length(select->targetList) != 1) return nullptr;
    auto* target = static_cast<ResTarget*>(linitial(select->targetList));
    SelectStmt bare = {};
    bare.type = T_SelectStmt;
    bare.targetList = select->targetList;
    return target->name == nullptr && equal(select, &bare) ? target->val : nullptr;
}

void point_into(const char* text) {
    const int position = geterrposition();
    if (position <= 0) return;
    errposition(0);
    internalerrposition(position);
    internalerrquery(text);
}

}  // namespace cache_ext::pg
