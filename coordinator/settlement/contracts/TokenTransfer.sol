// SPDX-License-Identifier: GPL-3.0-only
pragma solidity 0.8.37;

import {ISettlement} from "./ISettlement.sol";

interface IERC20 {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// Moves ETH, or an ERC-20 that answers `true` or, as some do, nothing.
library TokenTransfer {
    /// Takes tokens from an account that has approved them.
    /// Reverts unless just that many arrived: a token that takes fees would leave less than the ledger was credited.
    function take(address token, address from, uint256 amount) internal {
        uint256 before = IERC20(token).balanceOf(address(this));
        callToken(token, abi.encodeCall(IERC20.transferFrom, (from, address(this), amount)));
        uint256 balance = IERC20(token).balanceOf(address(this));
        if (balance < before || balance - before != amount) revert ISettlement.TokenTookAnotherAmount();
    }

    /// Pays out; `token` 0 is ETH. The caller has booked the payment before.
    function pay(address token, address to, uint256 amount) internal {
        if (token != address(0)) return callToken(token, abi.encodeCall(IERC20.transfer, (to, amount)));
        bool isPaid;
        // What the account answers is not read: it could be made long at the sender's cost.
        assembly ("memory-safe") {
            isPaid := call(gas(), to, amount, 0x00, 0x00, 0x00, 0x00)
        }
        if (!isPaid) revert ISettlement.TransferFailed();
    }

    function callToken(address token, bytes memory data) private {
        (bool isDone, bytes memory answer) = token.call(data);
        if (!isDone || (answer.length != 0 && (answer.length < 32 || abi.decode(answer, (uint256)) != 1))) {
            revert ISettlement.TransferFailed();
        }
    }
}
